/** Plants wrong labels on purpose, so that what finds them can be measured on anyone's data. */

import { UserError } from '../../src/errors.ts';
import { toCsv } from '../../src/files/csv.ts';
import { replaceFile } from '../../src/files/replaceFile.ts';
import { permutation, random, streams } from '../../src/random.ts';
import type { Dataset } from '../dataset.ts';
import { clustersOfClasses } from './clusters.ts';
import { heldOutProbabilities } from './heldOutProbabilities.ts';
import { itemVectors } from './itemVectors.ts';
import type { LabelNoiseType } from './labelNoiseType.ts';
import { clusterErrors, confusedErrors } from './likeErrors.ts';

/** One label that was changed. */
export interface PlantedError {
  readonly itemIndex: number;
  readonly label: number;
  readonly plantedLabel: number;
}

/**
 * What the classes of CIFAR-10 are easily taken for: the pairs of Patrini et al. 2017 (Making deep
 * neural networks robust to label noise), made mutual, and for frog and ship what shares their
 * background.
 */
const confusable: ReadonlyMap<string, string> = new Map([
  ['airplane', 'bird'],
  ['automobile', 'truck'],
  ['bird', 'airplane'],
  ['cat', 'dog'],
  ['deer', 'horse'],
  ['dog', 'cat'],
  ['frog', 'deer'],
  ['horse', 'deer'],
  ['ship', 'airplane'],
  ['truck', 'automobile'],
]);

/**
 * The class that each class is turned to by pairwise noise: a confusable one where the names are
 * known, else the next one.
 */
export function confusableClasses(classNames: readonly string[]): number[] {
  const labels = new Map(classNames.map((name, label) => [name, label]));
  return classNames.map((name, label) => {
    const other = confusable.get(name);
    const known = other === undefined ? undefined : labels.get(other);
    return known ?? (label + 1) % classNames.length;
  });
}

/**
 * Changes the labels of some items to other classes.
 *
 * @param share  of all items, 0..1; rounded to whole items
 * @param type   the kind of errors; `image` and `cluster` read every image once
 * @returns      the data set with the changed labels, and what was changed in order of the items
 *
 * @throws UserError  when there is no other class, the share is less than half an item, or an image cannot be read
 */
export async function plantLabelErrors<D extends Dataset>(
  dataset: D,
  share: number,
  seed: number,
  type: LabelNoiseType = 'symmetric',
): Promise<{ dataset: D; errors: readonly PlantedError[] }> {
  const next = random(seed, streams.labelNoise);
  const classes = dataset.classNames.length;
  if (classes < 2) {
    throw new UserError(
      `--label_noise: ${dataset.name} has one class; expected another one to change labels to.`,
    );
  }
  const { items } = dataset;
  const count = Math.round(share * items.length);
  if (count === 0 && share > 0) {
    throw new UserError(
      `--label_noise: ${share} of ${items.length} items is none; expected at least ${1 / items.length}.`,
    );
  }
  const drawn = count === 0 ? new Map() : await drawErrors(dataset, count, type, next);
  const labels = dataset.labels.slice();
  const errors = [...drawn.keys()]
    .sort((a, b) => a - b)
    .map((position) => {
      const itemIndex = items[position]!;
      const label = labels[itemIndex]!;
      const plantedLabel = drawn.get(position)!;
      labels[itemIndex] = plantedLabel;
      return { itemIndex, label, plantedLabel };
    });
  return { dataset: { ...dataset, labels }, errors };
}

/** Wrong labels by the position of their item among the data set's items. */
async function drawErrors(
  dataset: Dataset,
  count: number,
  type: LabelNoiseType,
  next: () => number,
): Promise<ReadonlyMap<number, number>> {
  const classes = dataset.classNames.length;
  const labels = Int32Array.from(dataset.items, (itemIndex) => dataset.labels[itemIndex]!);
  if (type === 'symmetric' || type === 'pairwise') {
    const partners = confusableClasses(dataset.classNames);
    const drawn = permutation(labels.length, next).subarray(0, count).sort();
    return new Map(
      Array.from(drawn, (position) => {
        const label = labels[position]!;
        const other = (label + 1 + Math.floor(next() * (classes - 1))) % classes;
        return [position, type === 'pairwise' ? partners[label]! : other];
      }),
    );
  }
  const vectors = await itemVectors(dataset);
  const probabilities = heldOutProbabilities(vectors, labels, classes, next);
  return type === 'image'
    ? confusedErrors(probabilities, labels, classes, count, next)
    : clusterErrors(
        clustersOfClasses(vectors, labels, classes, next),
        probabilities,
        labels,
        classes,
        count,
        next,
      );
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
