/** Prepares named items for the network, in this thread and without augmentation. */
import type { Dataset, ImageDataset } from '../../datasets/dataset.ts';
import type { Batch } from './batchPipeline.ts';
import { withChannels } from './channels.ts';
import { getPreprocessing } from './factory.ts';
import {
  type ImageInput,
  type ItemInput,
  inputSize,
  inputTypes,
  inputValues,
  itemBuffer,
  wrongKind,
} from './itemInput.ts';
import { encodeTexts, padOrCut } from './text.ts';

/** Items as the network takes them, in the order that they were asked for. */
export interface PreparedItems {
  readonly input: Batch['input'];
  /** int32 [n], 0..classes−1 */
  readonly labels: { readonly data: Int32Array; readonly shape: readonly number[] };
}

async function prepareImages(
  dataset: ImageDataset,
  items: readonly number[],
  preprocessingName: string,
  { shape }: ImageInput,
  partOf: (row: number) => Float32Array,
): Promise<void> {
  const { evaluate } = getPreprocessing(preprocessingName);
  // Preprocessing for an evaluation draws no random numbers.
  const noRandom = () => 0;
  for (const [row, itemIndex] of items.entries()) {
    const image = withChannels(await dataset.image(itemIndex), shape[2]);
    evaluate(image, shape, partOf(row), noRandom);
  }
}

/**
 * Preprocesses items as for an evaluation.
 *
 * @param items  indices in the split's source order
 * @throws UsageError  when there is no such preprocessing, or the network takes items of another kind
 */
export async function prepareItems(
  dataset: Dataset,
  items: readonly number[],
  preprocessingName: string,
  input: ItemInput,
): Promise<PreparedItems> {
  const size = inputSize(input);
  const buffer = itemBuffer(items.length, input, ArrayBuffer);
  const data = inputValues(input.kind, buffer);
  const partOf = (row: number) => data.subarray(row * size, (row + 1) * size);
  if (dataset.kind === 'images' && input.kind === 'images') {
    const part = partOf as (row: number) => Float32Array;
    await prepareImages(dataset, items, preprocessingName, input, part);
  } else if (dataset.kind === 'texts' && input.kind === 'texts') {
    const texts = items.map((itemIndex) => dataset.texts[itemIndex]!);
    const tokens = encodeTexts({ texts }, input.vocabulary);
    for (const row of items.keys()) padOrCut(tokens, row, partOf(row) as Int32Array);
  } else {
    throw wrongKind(dataset, input);
  }
  const labels = Int32Array.from(items, (itemIndex) => dataset.labels[itemIndex]!);
  return {
    input: { name: inputTypes[input.kind].name, data, shape: [items.length, ...input.shape] },
    labels: { data: labels, shape: [items.length] },
  };
}
