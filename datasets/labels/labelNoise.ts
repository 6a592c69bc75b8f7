/** Plants wrong labels on purpose, so that what finds them can be measured on anyone's data. */

import { UserError } from '../../src/errors.ts';
import { toCsv } from '../../src/files/csv.ts';
import { replaceFile } from '../../src/files/replaceFile.ts';
import { permutation, random, streams } from '../../src/random.ts';
import { type Dataset, expectImages } from '../dataset.ts';
import type { LabelNoiseType } from './labelNoiseType.ts';
import { nearestOtherClass } from './nearestOtherClass.ts';

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
 * Items drawn one after the other without replacement, each with a probability that grows by a
 * factor of e with each standard deviation of its score (the Gumbel-max trick: the `count` largest
 * of score + Gumbel noise).
 */
function drawWeighted(scores: Float64Array, count: number, next: () => number): Uint32Array {
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  const variance = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length;
  const scale = variance > 0 ? 1 / Math.sqrt(variance) : 0;
  // 1 − next() is in (0, 1], so that neither logarithm is taken of 0 but with probability 2⁻³².
  const keys = scores.map((score) => score * scale - Math.log(-Math.log(1 - next()) + 1e-300));
  const order = Uint32Array.from({ length: scores.length }, (_, item) => item);
  return order.sort((a, b) => keys[b]! - keys[a]! || a - b).subarray(0, count);
}

/**
 * Changes the labels of some items to other classes.
 *
 * @param share  of all items, 0..1; rounded to whole items
 * @param type   the kind of errors; `image` reads every image once
 * @returns      the data set with the changed labels, and what was changed in order of the items
 *
 * @throws UserError  when there is no other class, or the share is less than half an item
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
  const nearest =
    type === 'image' && count > 0 ? await nearestOtherClass(expectImages(dataset)) : undefined;
  const drawn = nearest
    ? drawWeighted(nearest.likeness, count, next)
    : permutation(items.length, next).subarray(0, count);
  const partners = confusableClasses(dataset.classNames);
  const labels = dataset.labels.slice();
  const errors = Array.from(drawn.sort(), (i) => {
    const itemIndex = items[i]!;
    const label = labels[itemIndex]!;
    const plantedLabel =
      nearest?.classes[i] ??
      (type === 'pairwise'
        ? partners[label]!
        : (label + 1 + Math.floor(next() * (classes - 1))) % classes);
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
