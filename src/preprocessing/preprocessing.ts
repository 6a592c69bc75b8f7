/** What a preprocessing is: from an image as its source has it to what the network takes. */

import type { DecodedSize } from '../../datasets/imageStore.ts';
import type { Tensor } from '../graph/graph.ts';

/**
 * For a preprocessing that crops but does not resize: images of files come in any size, and what it
 * would take out of the middle of a photograph shows little of it.
 */
export const cropToSide = (side: number): DecodedSize => ({ side, fit: 'crop' });

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

/**
 * The part of a preprocessing's evaluation that is arithmetic, as ops of a graph; sizing is not.
 *
 * @param images  float32 [n, height, width, channels] of the network's size, samples 0..255
 * @returns       what the network takes, of the same shape
 */
export type Normalize = (images: Tensor) => Tensor;

/** One preprocessing in its two forms, as TF-Slim pairs them. */
export interface Preprocessing {
  /**
   * The size that compressed images are decoded to before it.
   *
   * @param side  of the preprocessed images, in pixels
   */
  readonly decodedSize: (side: number) => DecodedSize;
  /** With augmentation. */
  readonly train: PreprocessImage;
  /** Without. */
  readonly evaluate: PreprocessImage;
  /** What evaluation does to images that have the network's size, for exported models. */
  readonly normalize: Normalize;
}
