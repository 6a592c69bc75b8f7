/** Flags of the commands that use a trained network without its data: predict and export. */
import type { TrainedNetwork } from '../inference/trainedNetwork.ts';
import { trainedCheckpoint } from './checkpointFlag.ts';
import type { FlagEffect } from './flagEffects.ts';
import { type FlagValues, optionalInteger, optionalReal } from './flags.ts';
import { modelFlags } from './modelFlags.ts';
import { inherited } from './ofRunFlags.ts';
import { dataFlags, trainFlags } from './trainFlags.ts';

const {
  dataset_name,
  dataset_dir,
  labels_offset,
  preprocessing_name,
  use_grayscale,
  max_image_megapixels,
} = dataFlags;
const { dataset_split_name } = trainFlags.Data;

/** By group; left out, the first group is what the run had. */
export const trainedNetworkFlags = {
  'Network and classes (by default those of the run)': inherited({
    ...modelFlags,
    preprocessing_name,
    use_grayscale,
    max_image_megapixels,
    dataset_name,
    dataset_dir,
    dataset_split_name,
    labels_offset,
  }),
  Checkpoint: {
    checkpoint_path: trainedCheckpoint(),
    eval_image_size: optionalInteger(
      'side of the preprocessed images in pixels; by default that of the run',
      { min: 1 },
    ),
    moving_average_decay: optionalReal(
      'any value: take the moving averages of the variables in their place',
      { min: 0, max: 1 },
    ),
  },
};

/** Which of them have an effect only with others. */
export const trainedNetworkFlagEffects: readonly FlagEffect<
  FlagValues<typeof trainedNetworkFlags>
>[] = [
  {
    flags: ['dataset_split_name', 'labels_offset'],
    missing: ({ dataset_name, dataset_dir }) =>
      dataset_name === undefined && dataset_dir === undefined
        ? 'without --dataset_name or --dataset_dir: the run names the classes'
        : undefined,
  },
];

/** The network that the flags and the run's record describe. @throws UserError when they do not */
export async function resolveTrainedNetwork(
  flags: FlagValues<typeof trainedNetworkFlags>,
): Promise<TrainedNetwork> {
  const { findTrainedNetwork } = await import('../inference/trainedNetwork.ts');
  const { resolveRunFlags, runFolder } = await import('./runFlags.ts');
  const { checkpoint_path, eval_image_size, dataset_name, dataset_dir } = flags;
  const namesData = dataset_name !== undefined || dataset_dir !== undefined;
  const run = await resolveRunFlags(runFolder(checkpoint_path), flags, namesData);
  return findTrainedNetwork({ ...run, checkpoint_path, eval_image_size }, namesData);
}
