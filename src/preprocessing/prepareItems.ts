/** Prepares named items for the network, in this thread and without augmentation. */
import type { Dataset } from '../../datasets/dataset.ts';
import type { HostTensor } from '../engines/engine.ts';
import { ItemMemory } from './itemFeeds.ts';
import { type ItemInput, wrongKind } from './itemInput.ts';
import { imagePreparation, noRandom } from './prepareImage.ts';
import { encodeTexts, padOrCut } from './text.ts';

/** Items as the graph takes them, in the order that they were asked for. */
export interface PreparedItems {
  /** By placeholder. */
  readonly feeds: Readonly<Record<string, HostTensor>>;
  /** int32 [n], 0..classes−1 */
  readonly labels: { readonly data: Int32Array; readonly shape: readonly number[] };
}

/**
 * Prepares items as for an evaluation.
 *
 * @param items  indices in the split's source order
 * @throws UsageError  when there is no such preprocessing, or the network takes items of another kind
 */
export async function prepareItems(
  dataset: Dataset,
  items: readonly number[],
  input: ItemInput,
): Promise<PreparedItems> {
  const memory = new ItemMemory(input, false, items.length, ArrayBuffer);
  const feeds = memory.feedsIn(memory.allocate());
  if (dataset.kind === 'images' && input.kind === 'images') {
    const prepare = imagePreparation(input, false);
    for (const [row, itemIndex] of items.entries()) {
      prepare(await dataset.image(itemIndex), feeds, row, noRandom);
    }
  } else if (dataset.kind === 'texts' && input.kind === 'texts') {
    const texts = items.map((itemIndex) => dataset.texts[itemIndex]!);
    const tokens = encodeTexts({ texts }, input.vocabulary);
    for (const row of items.keys()) padOrCut(tokens, row, feeds, row);
  } else {
    throw wrongKind(dataset, input);
  }
  const labels = Int32Array.from(items, (itemIndex) => dataset.labels[itemIndex]!);
  return { feeds, labels: { data: labels, shape: [items.length] } };
}
