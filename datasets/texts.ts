/** Data sets of texts. */
import { allItems, type TextDataset } from './dataset.ts';

/**
 * Puts a data set of texts together.
 *
 * @param texts  by item index
 */
export function inMemoryTexts(
  parts: Pick<TextDataset, 'name' | 'split' | 'classNames' | 'labels' | 'texts' | 'places'>,
): TextDataset {
  const size = parts.labels.length;
  return { ...parts, kind: 'texts', size, items: allItems(size) };
}
