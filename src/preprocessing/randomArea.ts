/** Windows of a random place, size and aspect, resized to that of the network. */
import type { Image } from '../../datasets/dataset.ts';
import { copyWindow } from './crop.ts';
import type { TakeWindow } from './preprocessing.ts';
import { resizeBilinear } from './resize.ts';

/** Width over height of a window. */
const aspectRange = [0.75, 1.33] as const;
/** Draws after which the whole image is the window. */
const maxAttempts = 100;

/** A part of an image, in pixels. */
export interface Area {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Draws a part of an image as tf.image.sample_distorted_bounding_box does: of a random aspect, a height
 * between those at which it has the smallest area and just fits, and a random place.
 *
 * @param minArea  share of the image, 0..1
 */
export function drawArea({ height, width }: Image, minArea: number, random: () => number): Area {
  const upTo = (count: number) => Math.floor(random() * (count + 1));
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const aspect = aspectRange[0] + random() * (aspectRange[1] - aspectRange[0]);
    const smallest = Math.round(Math.sqrt((minArea * height * width) / aspect));
    const largest = Math.min(height, Math.floor(width / aspect));
    if (smallest > largest || largest < 1) continue;
    const areaHeight = Math.max(1, smallest + upTo(largest - smallest));
    const areaWidth = Math.min(width, Math.max(1, Math.round(areaHeight * aspect)));
    if (areaHeight * areaWidth < minArea * height * width) continue;
    const top = upTo(height - areaHeight);
    const left = upTo(width - areaWidth);
    return { top, left, height: areaHeight, width: areaWidth };
  }
  return { top: 0, left: 0, height, width };
}

/** Resizes a part of an image to the size of the network, whatever its aspect. */
export function resizeArea(
  image: Image,
  { top, left, height, width }: Area,
  size: readonly [height: number, width: number],
  out: Uint8Array,
  mirrored = false,
): void {
  const data = new Uint8Array(height * width * image.channels);
  copyWindow(image, top, left, [height, width], data);
  resizeBilinear({ ...image, height, width, data }, size, 0, 0, size, out, mirrored);
}

/** A random part of the image, resized, mirrored or not. @param minArea share of the image, 0..1 */
export function randomArea(minArea: number): TakeWindow {
  return (image, size, out, random) => {
    const area = drawArea(image, minArea, random);
    resizeArea(image, area, size, out, random() < 0.5);
  };
}
