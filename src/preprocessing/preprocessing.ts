/** What a preprocessing is: a window of an image, taken as bytes where the data are read, and arithmetic in the graph. */

import type { Image } from '../../datasets/dataset.ts';
import type { DecodedSize } from '../../datasets/imageStore.ts';
import type { Tensor } from '../graph/graph.ts';
import type { WindowSize } from './windowInGraph.ts';

/**
 * For a preprocessing that crops but does not resize: images of files come in any size, and what it
 * would take out of the middle of a photograph shows little of it.
 */
export const cropToSide = (side: number): DecodedSize => ({ side, fit: 'crop' });

/** [height, width, channels] of a preprocessed image. */
export type ImageShape = readonly [height: number, width: number, channels: number];

/**
 * Crops, resizes and mirrors one image.
 *
 * @param image   as its source has it
 * @param size    of the window
 * @param out     filled with the window, [height, width, channels of the image], samples 0..255
 * @param random  uniform numbers in [0, 1) for the augmentation of this item in this epoch
 */
export type TakeWindow = (
  image: Image,
  size: WindowSize,
  out: Uint8Array,
  random: () => number,
) => void;

/** Numbers by which the graph augments an image. */
export interface Augmentation {
  /** How many there are for each image. */
  readonly size: number;
  /** Draws those of one image, after its window. */
  draw(random: () => number): readonly number[];
}

/**
 * What is done to windows in the graph.
 *
 * @param images        float32 [n, height, width, channels], samples 0..255
 * @param augmentation  float32 [n, size]; given where the form has one
 * @returns             what the network takes, of the same shape as the images
 */
export type Normalize = (images: Tensor, augmentation?: Tensor) => Tensor;

/** One of the two forms of a preprocessing. */
export interface PreprocessingForm {
  readonly takeWindow: TakeWindow;
  /**
   * The same in the graph, for images of any size; by default they have to be of the network's size.
   *
   * @param images  uint8 [n, height, width, channels]
   * @param size    of the window
   * @returns       float32 [n, size, channels], samples 0..255
   */
  readonly windowInGraph?: (images: Tensor, size: WindowSize) => Tensor;
  /** None by default. */
  readonly augmentation?: Augmentation;
  readonly normalize: Normalize;
}

/** One preprocessing in its two forms, as TF-Slim pairs them. */
export interface Preprocessing {
  /**
   * The size that compressed images are decoded to before it.
   *
   * @param side  of the preprocessed images, in pixels
   */
  readonly decodedSize: (side: number) => DecodedSize;
  /** With augmentation. */
  readonly train: PreprocessingForm;
  /** Without. */
  readonly evaluate: PreprocessingForm;
}
