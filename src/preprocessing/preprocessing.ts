/** What a preprocessing is: from an 8-bit image to what the network takes. */
import type { Image } from '../../datasets/dataset.ts';

/** [height, width, channels] of a preprocessed image. */
export type ImageShape = readonly [height: number, width: number, channels: number];

/**
 * Preprocesses one image.
 *
 * @param image   0..255, of any size
 * @param shape   of the result
 * @param out     filled with the result, float32 [height, width, channels]
 * @param random  uniform numbers in [0, 1) for the augmentation of this item in this epoch
 */
export type PreprocessImage = (
  image: Image,
  shape: ImageShape,
  out: Float32Array,
  random: () => number,
) => void;

/** One preprocessing in its two forms, as TF-Slim pairs them. */
export interface Preprocessing {
  /** With augmentation. */
  readonly train: PreprocessImage;
  /** Without. */
  readonly evaluate: PreprocessImage;
  /** Channels that it gives, or null for those of the image. */
  readonly channels: number | null;
}
