/** `losslens predict`: classifies image files. */
import type { Command } from 'commander';
import { untilInterrupted } from '../console/interrupt.ts';
import { withEffects } from './flagEffects.ts';
import { addFlags, boolean, choice, type FlagValues, integer } from './flags.ts';
import {
  resolveTrainedNetwork,
  trainedNetworkFlagEffects,
  trainedNetworkFlags,
} from './trainedNetworkFlags.ts';
import { engineFlagEffects } from './trainFlagEffects.ts';
import { engineFlags } from './trainFlags.ts';

const predictFlags = {
  ...trainedNetworkFlags,
  Output: {
    top_k: integer(5, 'classes that are named for each image, the most probable first', { min: 1 }),
    json: boolean(false, 'print one line of JSON for each image'),
  },
  Files: {
    on_bad_item: choice(
      ['fail', 'skip'] as const,
      'fail',
      'a file that cannot be read makes the exit code 1, or is left out; the others are classified in either case',
    ),
  },
  Engine: {
    batch_size: integer(32, 'images per step', { min: 1 }),
    ...engineFlags,
  },
};

/** Declares the flags and the action of `losslens predict`. */
export function declarePredict(command: Command): void {
  command.argument('<files...>', 'images, or folders of images');
  withEffects(withEffects(command, engineFlagEffects), trainedNetworkFlagEffects);
  addFlags(command, predictFlags).action(
    async (files: string[], flags: FlagValues<typeof predictFlags>) => {
      const { predictFiles } = await import('../inference/predictionRun.ts');
      await untilInterrupted(async (signal) => {
        const trained = await resolveTrainedNetwork(flags);
        if ((await predictFiles(flags, trained, files, signal)) > 0) process.exitCode = 1;
      });
    },
  );
}
