/** What a preprocessing is: from an image as its source has it to what the network takes. */

/** [height, width, channels] of a preprocessed image. */
export type ImageShape = readonly [height: number, width: number, channels: number];

/** An image of any size, samples 0..255; whole numbers unless it was turned to grey. */
export interface SourceImage {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** height × width × channels samples, row-major, channels interleaved */
  readonly data: Uint8Array | Float32Array;
}

/**
 * Preprocesses one image.
 *
 * @param image   with as many channels as the result
 * @param shape   of the result
 * @param out     filled with the result, float32 [height, width, channels]
 * @param random  uniform numbers in [0, 1) for the augmentation of this item in this epoch
 */
export type PreprocessImage = (
  image: SourceImage,
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
}
