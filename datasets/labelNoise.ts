/** Plants wrong labels on purpose, so that what finds them can be measured on anyone's data. */
import { toCsv } from '../src/csv.ts';
import { permutation, random } from '../src/random.ts';
import { replaceFile } from '../src/replaceFile.ts';
import type { Dataset } from './dataset.ts';

/** One label that was changed. */
export interface PlantedError {
  readonly itemIndex: number;
  readonly label: number;
  readonly plantedLabel: number;
}

/** Tells these random numbers from those of weights, order, augmentation and dropout. */
const labelNoiseStream = 4;

/**
 * Changes the labels of some items, chosen at random, each to another class, each as likely
 * (symmetric noise).
 *
 * @param share  of all items, 0..1; rounded to whole items
 * @returns      the data set with the changed labels, and what was changed in order of the items
 */
export function plantLabelErrors(
  dataset: Dataset,
  share: number,
  seed: number,
): { dataset: Dataset; errors: readonly PlantedError[] } {
  const next = random(seed, labelNoiseStream);
  const classes = dataset.classNames.length;
  const { items } = dataset;
  const chosen = permutation(items.length, next).subarray(0, Math.round(share * items.length));
  const labels = dataset.labels.slice();
  const errors = Array.from(chosen.sort(), (i) => {
    const itemIndex = items[i]!;
    const label = labels[itemIndex]!;
    const plantedLabel = (label + 1 + Math.floor(next() * (classes - 1))) % classes;
    labels[itemIndex] = plantedLabel;
    return { itemIndex, label, plantedLabel };
  });
  return { dataset: { ...dataset, labels }, errors };
}

/** Records what was changed: a row for each item with both class names. */
export async function writeLabelNoise(
  path: string,
  errors: readonly PlantedError[],
  classNames: readonly string[],
): Promise<void> {
  const rows = errors.map(({ itemIndex, label, plantedLabel }) => [
    itemIndex,
    classNames[label]!,
    classNames[plantedLabel]!,
  ]);
  await replaceFile(path, toCsv(['item', 'label', 'planted_label'], rows));
}
