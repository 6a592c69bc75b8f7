/** Gives images the channels that a network takes. */
import type { SourceImage } from './preprocessing.ts';

/** Luminance of red, green and blue (ITU-R BT.601), rounded as tf.image.rgb_to_grayscale has it. */
export const luminanceWeights = [0.2989, 0.587, 0.114] as const;

/**
 * Turns colour to grey or grey to colour.
 *
 * @param channels  1 or 3
 * @returns  the image itself when it has these channels; else colour as its luminance, unrounded
 *           (tf.image.rgb_to_grayscale of floats), or grey three times (tf.image.grayscale_to_rgb)
 * @throws Error  for other channels
 */
export function withChannels(image: SourceImage, channels: number): SourceImage {
  if (image.channels === channels) return image;
  const { width, height, data } = image;
  const pixels = width * height;
  if (image.channels === 3 && channels === 1) {
    const [red, green, blue] = luminanceWeights;
    const grey = new Float32Array(pixels);
    for (let i = 0; i < pixels; i++) {
      grey[i] = red * data[3 * i]! + green * data[3 * i + 1]! + blue * data[3 * i + 2]!;
    }
    return { width, height, channels, data: grey };
  }
  if (image.channels === 1 && channels === 3) {
    const color = new Float32Array(3 * pixels);
    for (let i = 0; i < pixels; i++) color.fill(data[i]!, 3 * i, 3 * i + 3);
    return { width, height, channels, data: color };
  }
  throw new Error(`withChannels: image has ${image.channels} channels; expected 1 or 3`);
}
