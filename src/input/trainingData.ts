/** The data that a run trains on. */
import { join } from 'node:path';
import {
  type PlantedError,
  plantLabelErrors,
  writeLabelNoise,
} from '../../datasets/labels/labelNoise.ts';
import type { LabelNoiseType } from '../../datasets/labels/labelNoiseType.ts';
import { applyLabelsFile, type LabelDecision } from '../../datasets/labels/labelsFile.ts';
import { noteOnce } from '../console/noteOnce.ts';
import { loadNetwork } from '../nets/factory.ts';
import { appendLabelChanges } from '../runFiles/labelChanges.ts';
import { tell } from '../terminal.ts';
import { decodedSizeOf } from './networkInput.ts';
import { type DataOptions, loadSplit, recordSkipped, type Split } from './splits.ts';

/** The flags that decide on them. */
export interface TrainingDataOptions extends DataOptions {
  readonly train_dir: string;
  readonly dataset_split_name: string;
  readonly model_name: string;
  readonly preprocessing_name: string | undefined;
  readonly train_image_size: number | undefined;
  readonly labels_file: string | undefined;
  readonly label_noise: number;
  readonly label_noise_type: LabelNoiseType;
  readonly seed: number;
}

/** A split with the labels that the run trains on. */
export interface TrainingData extends Split {
  /** Labels that were changed on purpose, in order of the items; undefined without --label_noise. */
  readonly plantedErrors: readonly PlantedError[] | undefined;
  /** What --labels_file says; empty without one. */
  readonly labelDecisions: readonly LabelDecision[];
  /** Of that what it changes. */
  readonly labelChanges: readonly LabelDecision[];
}

/**
 * Loads the training split, replaces labels by those of --labels_file, and plants wrong labels where
 * --label_noise asks for some.
 *
 * @param channels  that compressed images are decoded to; by default as most of them have them
 * @throws UserError  when there is no such data
 */
export async function loadTrainingData(
  options: TrainingDataOptions,
  channels?: 1 | 3,
): Promise<TrainingData> {
  const network = await loadNetwork(options.model_name);
  const split = await loadSplit(
    options,
    options.dataset_split_name,
    decodedSizeOf(network, { ...options, imageSize: options.train_image_size }),
    channels,
  );
  const relabeled =
    options.labels_file === undefined
      ? { dataset: split.dataset, decisions: [], changes: [] }
      : await applyLabelsFile(split.dataset, options.labels_file, noteOnce);
  const data = {
    ...split,
    dataset: relabeled.dataset,
    labelDecisions: relabeled.decisions,
    labelChanges: relabeled.changes,
  };
  if (options.label_noise === 0) return { ...data, plantedErrors: undefined };
  const { dataset, errors } = await plantLabelErrors(
    data.dataset,
    options.label_noise,
    options.seed,
    options.label_noise_type,
  );
  return { ...data, dataset, plantedErrors: errors };
}

/**
 * Records in the run's folder how its data differs from its source: items that are left out
 * (`skipped.csv`), labels of --labels_file (`label_changes.csv`), and planted wrong ones
 * (`label_noise.csv`).
 */
export async function recordTrainingData(
  options: TrainingDataOptions,
  data: TrainingData,
): Promise<void> {
  const { train_dir: trainDir, labels_file: labelsFile } = options;
  const { dataset, plantedErrors, labelChanges } = data;
  await recordSkipped(trainDir, data);
  if (labelsFile !== undefined) {
    await appendLabelChanges(trainDir, labelsFile, labelChanges);
    const dropped = labelChanges.filter(({ label }) => label === null).length;
    tell(
      `${labelsFile}: changes ${labelChanges.length - dropped} labels, drops ${dropped} of ${dataset.size} items`,
    );
  }
  if (plantedErrors !== undefined) {
    await writeLabelNoise(join(trainDir, 'label_noise.csv'), plantedErrors, dataset.classNames);
  }
}
