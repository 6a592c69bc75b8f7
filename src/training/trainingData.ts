/** The data that a run trains on. */
import { join } from 'node:path';
import type { Dataset } from '../../datasets/dataset.ts';
import { loadDataset } from '../../datasets/factory.ts';
import { type PlantedError, plantLabelErrors, writeLabelNoise } from '../../datasets/labelNoise.ts';
import type { RunOptions } from './runOptions.ts';

/** A split with the labels that the run trains on. */
export interface TrainingData {
  readonly dataset: Dataset;
  /** Labels that were changed on purpose, in order of the items; undefined without --label_noise. */
  readonly plantedErrors: readonly PlantedError[] | undefined;
}

/**
 * Loads the training split and plants wrong labels where --label_noise asks for some.
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
  const { dataset, errors } = await plantLabelErrors(
    source,
    options.label_noise,
    options.seed,
    options.label_noise_type,
  );
  return { dataset, plantedErrors: errors };
}

/** Records the planted wrong labels in `label_noise.csv` in the run's folder. */
export async function recordLabels(trainDir: string, data: TrainingData): Promise<void> {
  const { dataset, plantedErrors } = data;
  if (plantedErrors === undefined) return;
  await writeLabelNoise(join(trainDir, 'label_noise.csv'), plantedErrors, dataset.classNames);
}
