/** Data whose first classes are left out of the training, as TF-Slim's --labels_offset has it. */
import { UsageError } from '../../src/errors.ts';
import type { Dataset } from '../dataset.ts';

/**
 * Subtracts a number from all labels; the first classes, which no item may have, are left out.
 *
 * @throws UsageError  naming an item that has one of them
 */
export function withLabelsOffset(dataset: Dataset, offset: number): Dataset {
  if (offset === 0) return dataset;
  const labels = Int32Array.from(dataset.labels, (label) => label - offset);
  const lowest = dataset.items.reduce((a, b) => (labels[b]! < labels[a]! ? b : a));
  if (labels[lowest]! < 0) {
    const label = dataset.labels[lowest];
    throw new UsageError(
      `--labels_offset: got "${offset}", but item ${lowest} of ${dataset.split} has label ${label}; expected ${label} at most.`,
    );
  }
  return { ...dataset, labels, classNames: dataset.classNames.slice(offset) };
}
