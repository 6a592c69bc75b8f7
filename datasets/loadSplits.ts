/** Loads several splits of a data set, one after the other. */
import { UsageError } from '../src/errors.ts';
import type { Dataset } from './dataset.ts';
import { type DatasetOptions, listSplits, loadDataset } from './factory.ts';

/** @throws UsageError  when the data are not of the size that they were to be decoded to */
function expectSize(dataset: Dataset, side: number): void {
  const size = dataset.kind === 'images' ? dataset.imageShape.slice(0, 2) : [];
  if (size.length > 0 && size.every((extent) => extent === side)) return;
  const what = dataset.kind === 'texts' ? 'texts' : `images of ${size.join('×')} pixels`;
  throw new UsageError(
    `--image_size: has no effect on ${dataset.name}, which holds ${what}; only compressed images are resized.`,
  );
}

/**
 * Loads splits of a data set, each when it is asked for.
 *
 * @param side    that compressed images are resized and cropped to, in pixels; undefined to leave them
 * @param splits  by name; none for all that there are
 * @throws UserError  as `loadDataset`; a UsageError when `side` has no effect
 */
export async function* loadSplits(
  source: Omit<DatasetOptions, 'split' | 'size'>,
  side: number | undefined,
  splits: readonly string[],
): AsyncGenerator<Dataset, void, undefined> {
  const size = side === undefined ? null : ({ side, fit: 'crop' } as const);
  for (const split of splits.length > 0 ? splits : await listSplits(source)) {
    const dataset = await loadDataset({ ...source, ...(size && { size }), split });
    if (side !== undefined) expectSize(dataset, side);
    yield dataset;
  }
}
