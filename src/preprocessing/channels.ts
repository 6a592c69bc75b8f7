/** The channels of images: those that a network takes, and their means. */
import type { Tensor } from '../graph/graph.ts';
import { concat, constant } from '../graph/ops/array.ts';
import { mul, sum } from '../graph/ops/math.ts';

/** Luminance of red, green and blue (ITU-R BT.601), rounded as tf.image.rgb_to_grayscale has it. */
export const luminanceWeights = [0.2989, 0.587, 0.114] as const;

/**
 * Turns colour to grey or grey to colour.
 *
 * @param images    float32 [n, height, width, 1 or 3]
 * @param channels  1 or 3
 * @returns  the images themselves when they have these channels; else colour as its luminance
 *           (tf.image.rgb_to_grayscale of floats), or grey three times (tf.image.grayscale_to_rgb)
 * @throws Error  for other channels
 */
export function withChannels(images: Tensor, channels: number): Tensor {
  const given = images.shape[3];
  if (given === channels) return images;
  if (given === 3 && channels === 1) {
    const weights = constant(images.graph, 'float32', luminanceWeights);
    return sum(mul(images, weights), [3], { keepDims: true });
  }
  if (given === 1 && channels === 3) return concat([images, images, images], 3);
  throw new Error(
    `withChannels: got images of ${given} channels, and ${channels} to give; expected 1 or 3`,
  );
}

/** Mean of red, green and blue over ImageNet, 0..255. */
const meanColor = [123.68, 116.78, 103.94] as const;

/**
 * The mean of each channel over ImageNet, 0..255; of grey images, the luminance of the mean colour.
 *
 * @param channels  1 or 3
 */
export function meansOf(channels: number): readonly number[] {
  if (channels !== 1) return meanColor;
  return [meanColor.reduce((sum, mean, c) => sum + mean * luminanceWeights[c]!, 0)];
}
