/** The part of the preprocessing that lies in the graph: from what is fed to what the network takes. */
import type { Tensor } from '../graph/graph.ts';
import { bitcastToBytes, cast, reshape, slice } from '../graph/ops/array.ts';
import { withChannels } from './channels.ts';
import { formOf, getPreprocessing } from './factory.ts';
import { windowSize } from './itemFeeds.ts';
import type { GraphInput, ImageInput } from './itemInput.ts';
import type { PreprocessingForm } from './preprocessing.ts';

/** Windows as they were packed into int32 [n, words], as float32 [n, height, width, source channels]. */
function unpack(packed: Tensor, input: ImageInput): Tensor {
  const [height, width] = input.shape;
  const samples = windowSize(input);
  const bytes = reshape(bitcastToBytes(packed), [-1, 4 * packed.shape[1]!]);
  // As numbers first: GPUs do not slice bytes.
  const values = cast(bytes, 'float32');
  const used = samples === values.shape[1] ? values : slice(values, [0, 0], [-1, samples]);
  return reshape(used, [-1, height, width, input.sourceChannels]);
}

/** Gives images the channels of the network, and does the arithmetic of their preprocessing. */
function normalized(
  images: Tensor,
  { normalize }: PreprocessingForm,
  { shape }: ImageInput,
  augmentation?: Tensor,
): Tensor {
  return normalize(withChannels(cast(images, 'float32'), shape[2]), augmentation);
}

/**
 * The size that images have to be of for `preprocessedInGraph`: [height, width], −1 for any.
 */
export function servedSize({ preprocessingName, shape }: ImageInput): readonly [number, number] {
  const { windowInGraph } = getPreprocessing(preprocessingName).evaluate;
  return windowInGraph === undefined ? [shape[0], shape[1]] : [-1, -1];
}

/**
 * All of the preprocessing of an evaluation, in the graph.
 *
 * @param images  uint8 [n, height, width, source channels], of the size that `servedSize` says
 * @returns       float32 [n, height, width, channels] of the network
 */
export function preprocessedInGraph(images: Tensor, input: ImageInput): Tensor {
  const form = getPreprocessing(input.preprocessingName).evaluate;
  const [height, width] = input.shape;
  const windows = form.windowInGraph?.(images, [height, width]) ?? images;
  // Networks go by the size that windows have, which the graph does not know of those it cuts.
  return normalized(reshape(windows, [-1, height, width, input.sourceChannels]), form, input);
}

/**
 * What the network takes of a batch.
 *
 * @param placeholders  by the names of `itemFeeds`
 * @returns  images float32 [n, height, width, channels], or token ids int32 [n, time]
 */
export function networkItems(
  placeholders: Readonly<Record<string, Tensor>>,
  input: GraphInput,
  isTraining: boolean,
): Tensor {
  if (input.kind === 'texts') return placeholders['token_ids']!;
  const images = placeholders['images']!;
  if (!('preprocessingName' in input)) return images;
  const form = formOf(input, isTraining);
  return images.graph.withScope('preprocessing', () =>
    normalized(unpack(images, input), form, input, placeholders['augmentation']),
  );
}
