/** `losslens evaluate`: how good a checkpoint is on a split. */
import type { Command } from 'commander';
import { UnknownSplitError } from '../../datasets/unknownSplitError.ts';
import { untilInterrupted } from '../console/interrupt.ts';
import type { EvaluationOptions } from '../evaluation/evaluationRun.ts';
import { checkpointPath } from '../weights/byName.ts';
import { trainedCheckpoint } from './checkpointFlag.ts';
import { type FlagEffect, withEffects } from './flagEffects.ts';
import {
  addFlags,
  boolean,
  type FlagValues,
  integer,
  optionalInteger,
  optionalPath,
  optionalReal,
  real,
  text,
  unsupported,
} from './flags.ts';
import { modelFlags } from './modelFlags.ts';
import { inherited } from './ofRunFlags.ts';
import { engineFlagEffects } from './trainFlagEffects.ts';
import { dataFlags, engineFlags } from './trainFlags.ts';

const evaluateFlags = {
  'Data (by default those of the run)': {
    ...inherited(dataFlags),
    dataset_split_name: text('test', 'split that is classified'),
    eval_image_size: optionalInteger('side of the preprocessed images in pixels', { min: 1 }),
  },
  'Model (by default that of the run)': inherited(modelFlags),
  Evaluation: {
    checkpoint_path: trainedCheckpoint(true),
    batch_size: integer(100, 'items per step', { min: 1 }),
    max_num_batches: optionalInteger('steps after which it is enough; by default all items', {
      min: 1,
    }),
    moving_average_decay: optionalReal(
      'any value: evaluate the moving averages of the variables in their place',
      { min: 0, max: 1 },
    ),
    watch: boolean(
      false,
      'evaluate each checkpoint that appears in the folder, until it is interrupted',
    ),
    watch_interval_secs: real(10, 'seconds between looks at the folder', { min: 0.1 }),
    quantize: unsupported(boolean(false, ''), 'quantised networks are not built'),
  },
  Output: {
    eval_dir: optionalPath(
      'folder for event files and evaluations.jsonl; by default eval beside the checkpoint, eval_SPLIT for other splits than test',
    ),
    json: boolean(false, 'print one line of JSON for each checkpoint in place of tables'),
  },
  Engine: {
    ...engineFlags,
    master: unsupported(text('', ''), 'losslens evaluates in one process on one device'),
  },
};

type EvaluateFlags = FlagValues<typeof evaluateFlags>;

const evaluateEffects: readonly FlagEffect<EvaluateFlags>[] = [
  ...engineFlagEffects,
  {
    flags: ['watch_interval_secs'],
    missing: ({ watch }) => (watch ? undefined : 'without --watch'),
  },
];

/** All options: what the command line leaves out comes from the run that the checkpoint is of. */
async function resolveOptions(flags: EvaluateFlags): Promise<EvaluationOptions> {
  const { resolveRunFlags, runFolder } = await import('./runFlags.ts');
  const { checkpoint_path, moving_average_decay, watch } = flags;
  // A folder that is waited for may have any name.
  if (!watch) checkpointPath(checkpoint_path, 'checkpoint_path');
  const run = await resolveRunFlags(runFolder(checkpoint_path), flags);
  // These mean something else to a run.
  return { ...flags, ...run, checkpoint_path, moving_average_decay };
}

/** Declares the flags and the action of `losslens evaluate`. */
export function declareEvaluate(command: Command): void {
  withEffects(command, evaluateEffects);
  addFlags(command, evaluateFlags).action(async (flags: EvaluateFlags) => {
    const { runEvaluation, waitForCheckpoint } = await import('../evaluation/evaluationRun.ts');
    await untilInterrupted(async (signal) => {
      if (flags.watch) await waitForCheckpoint(flags, signal);
      signal.throwIfAborted();
      await runEvaluation(await resolveOptions(flags), signal).catch((error: unknown) => {
        const isGiven = command.getOptionValueSource('dataset_split_name') === 'cli';
        throw error instanceof UnknownSplitError && !isGiven ? error.byDefault() : error;
      });
      // It has no other end.
      if (flags.watch) signal.throwIfAborted();
    });
  });
}
