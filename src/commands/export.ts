/**
 * `losslens export`: writes a trained network as a SavedModel for TensorFlow and its servers, or what
 * it says of its data for cleanlab, FiftyOne and Label Studio.
 */
import type { Command } from 'commander';
import { untilInterrupted } from '../console/interrupt.ts';
import { UsageError } from '../errors.ts';
import { reviewScores } from '../insitu/scores.ts';
import { show } from '../terminal.ts';
import { type FlagEffect, withEffects } from './flagEffects.ts';
import {
  addFlags,
  boolean,
  type FlagValues,
  integer,
  optionalPath,
  optionalText,
} from './flags.ts';
import { inherited } from './ofRunFlags.ts';
import {
  resolveTrainedNetwork,
  trainedNetworkFlagEffects,
  trainedNetworkFlags,
} from './trainedNetworkFlags.ts';
import { engineFlagEffects } from './trainFlagEffects.ts';
import { dataFlags, engineFlags } from './trainFlags.ts';

const { labels_file, on_bad_item, validation_split, validation_seed } = dataFlags;

/** Of what a network says of its data. */
const probabilitiesFlags = {
  ...inherited({ labels_file, on_bad_item, validation_split, validation_seed }),
  rank_by: optionalText(
    `score that chooses the suspects, a column of items.csv; by default ${reviewScores[0]}`,
  ),
  top: integer(200, 'suspects: the most suspicious items of the run', { min: 1 }),
  batch_size: integer(100, 'items per step', { min: 1 }),
  ...engineFlags,
};

const exportFlags = {
  ...trainedNetworkFlags,
  Output: {
    export_dir: optionalPath(
      'folder for the SavedModel, such as models/digits/1; it must not hold one yet',
    ),
    cleanlab: boolean(
      false,
      'write in place of the SavedModel what cleanlab, FiftyOne and Label Studio take: labels and probabilities of a split as numpy arrays, and the suspects of the run',
    ),
  },
  'With --cleanlab (data by default those of the run)': probabilitiesFlags,
};

type ExportFlags = FlagValues<typeof exportFlags>;

const exportFlagEffects: readonly FlagEffect<ExportFlags>[] = [
  ...trainedNetworkFlagEffects.map(({ flags, missing }) => ({
    flags,
    missing: (values: ExportFlags, isGiven: (name: keyof ExportFlags & string) => boolean) =>
      values.cleanlab ? undefined : missing(values, isGiven),
  })),
  {
    flags: Object.keys(probabilitiesFlags) as (keyof typeof probabilitiesFlags)[],
    missing: ({ cleanlab }) => (cleanlab ? undefined : 'without --cleanlab'),
  },
  ...engineFlagEffects,
];

async function exportModel(
  flags: ExportFlags,
  export_dir: string,
  signal: AbortSignal,
): Promise<void> {
  const { exportNetwork, servingSignature } = await import('../inference/exportRun.ts');
  const { servedSize } = await import('../preprocessing/networkItems.ts');
  const trained = await resolveTrainedNetwork(flags);
  const checkpoint = await exportNetwork({ ...flags, export_dir }, trained, signal);
  const size = servedSize(trained.input).map((side) => (side < 0 ? '?' : side));
  show(
    `${checkpoint} exported to ${export_dir}: signature ${servingSignature} takes images ` +
      `uint8[?,${size},${trained.input.sourceChannels}] and gives probabilities float32[?,${trained.classNames.length}]\n`,
  );
}

async function exportForCleanlab(
  flags: ExportFlags,
  export_dir: string,
  signal: AbortSignal,
): Promise<void> {
  const { exportProbabilities } = await import('../inference/probabilitiesRun.ts');
  const { resolveRunFlags, runFolder } = await import('./runFlags.ts');
  const { checkpoint_path, moving_average_decay } = flags;
  const run = await resolveRunFlags(runFolder(checkpoint_path), flags);
  // These mean something else to a run.
  const options = { ...flags, ...run, checkpoint_path, moving_average_decay, export_dir };
  const { checkpoint, dataset, ...sizes } = await exportProbabilities(options, signal);
  show(
    `${checkpoint} on ${dataset.name} ${dataset.split}, exported to ${export_dir}: labels.npy int64[${sizes.items}], ` +
      `pred_probs.npy float32[${sizes.items},${sizes.classes}], ${sizes.suspects} suspects\n`,
  );
}

/** Declares the flags and the action of `losslens export`. */
export function declareExport(command: Command): void {
  withEffects(command, exportFlagEffects);
  addFlags(command, exportFlags).action(async (flags: ExportFlags) => {
    const { cleanlab, export_dir } = flags;
    if (export_dir === undefined) {
      const content = cleanlab ? 'the arrays' : 'the SavedModel';
      throw new UsageError(`--export_dir: missing; expected a folder for ${content}.`);
    }
    const write = cleanlab ? exportForCleanlab : exportModel;
    await untilInterrupted((signal) => write(flags, export_dir, signal));
  });
}
