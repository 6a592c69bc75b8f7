/** Prepares named items for the network, in this thread and without augmentation. */
import type { Dataset } from '../../datasets/dataset.ts';
import { withChannels } from './channels.ts';
import { getPreprocessing } from './factory.ts';
import type { ImageShape } from './preprocessing.ts';

/** Items as the network takes them, in the order that they were asked for. */
export interface PreparedItems {
  /** float32 [n, height, width, channels] */
  readonly images: { readonly data: Float32Array; readonly shape: readonly number[] };
  /** int32 [n], 0..classes−1 */
  readonly labels: { readonly data: Int32Array; readonly shape: readonly number[] };
}

/**
 * Preprocesses items as for an evaluation.
 *
 * @param items       indices in the split's source order
 * @param imageShape  of the preprocessed images; with one channel, colour is turned to grey
 * @throws UsageError  when there is no such preprocessing
 */
export async function prepareItems(
  dataset: Dataset,
  items: readonly number[],
  preprocessingName: string,
  imageShape: ImageShape,
): Promise<PreparedItems> {
  const { evaluate } = getPreprocessing(preprocessingName);
  const size = imageShape[0] * imageShape[1] * imageShape[2];
  const data = new Float32Array(items.length * size);
  // Preprocessing for an evaluation draws no random numbers.
  const noRandom = () => 0;
  for (const [row, itemIndex] of items.entries()) {
    const image = withChannels(await dataset.image(itemIndex), imageShape[2]);
    evaluate(image, imageShape, data.subarray(row * size, (row + 1) * size), noRandom);
  }
  const labels = Int32Array.from(items, (itemIndex) => dataset.labels[itemIndex]!);
  return {
    images: { data, shape: [items.length, ...imageShape] },
    labels: { data: labels, shape: [items.length] },
  };
}
