/** The data that a run trains on. */
import { join } from 'node:path';
import { loadDataset } from '../../datasets/factory.ts';
import type { InMemoryDataset } from '../../datasets/inMemory.ts';
import { plantLabelErrors, writeLabelNoise } from '../../datasets/labelNoise.ts';
import type { RunOptions } from './runOptions.ts';

/** A split with the items whose labels were changed on purpose. */
export interface TrainingData {
  readonly dataset: InMemoryDataset;
  /** Indices of these items; undefined without --label_noise. */
  readonly plantedErrors: ReadonlySet<number> | undefined;
}

/**
 * Loads the training split and plants wrong labels where --label_noise asks for some; those are
 * recorded in `label_noise.csv` in the run's folder.
 *
 * @throws UserError  when there is no such data
 */
export async function loadTrainingData(options: RunOptions): Promise<TrainingData> {
  const source = await loadDataset({
    name: options.dataset_name,
    folder: options.dataset_dir,
    split: options.dataset_split_name,
  });
  if (options.label_noise === 0) return { dataset: source, plantedErrors: undefined };
  const { dataset, errors } = plantLabelErrors(source, options.label_noise, options.seed);
  await writeLabelNoise(join(options.train_dir, 'label_noise.csv'), errors, dataset.classNames);
  return { dataset, plantedErrors: new Set(errors.map(({ itemIndex }) => itemIndex)) };
}
