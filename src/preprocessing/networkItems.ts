/** The part of the preprocessing that lies in the graph: from what is fed to what the network takes. */
import type { Tensor } from '../graph/graph.ts';
import { bitcastToBytes, cast, reshape, slice } from '../graph/ops/array.ts';
import { withChannels } from './channels.ts';
import { getPreprocessing } from './factory.ts';
import { windowSize } from './itemFeeds.ts';
import type { GraphInput, ImageInput } from './itemInput.ts';

/** Windows as they were packed into int32 [n, words], as uint8 [n, height, width, source channels]. */
function unpack(packed: Tensor, input: ImageInput): Tensor {
  const [height, width] = input.shape;
  const samples = windowSize(input);
  const bytes = reshape(bitcastToBytes(packed), [-1, 4 * packed.shape[1]!]);
  const used = samples === bytes.shape[1] ? bytes : slice(bytes, [0, 0], [-1, samples]);
  return reshape(used, [-1, height, width, input.sourceChannels]);
}

/**
 * Gives windows the channels of the network, and does the arithmetic of their preprocessing.
 *
 * @param windows       uint8 [n, height, width, source channels]
 * @param augmentation  float32 [n, size]; for training where the preprocessing has one
 * @returns             float32 [n, height, width, channels]
 */
export function preprocessWindows(
  windows: Tensor,
  { preprocessingName, shape }: ImageInput,
  isTraining: boolean,
  augmentation?: Tensor,
): Tensor {
  const preprocessing = getPreprocessing(preprocessingName);
  const { normalize } = isTraining ? preprocessing.train : preprocessing.evaluate;
  return normalize(withChannels(cast(windows, 'float32'), shape[2]), augmentation);
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
  return images.graph.withScope('preprocessing', () =>
    preprocessWindows(unpack(images, input), input, isTraining, placeholders['augmentation']),
  );
}
