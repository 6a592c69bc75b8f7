/** Cropping and padding of images, as tf.image has them. */
import type { ImageShape, SourceImage } from './preprocessing.ts';

/**
 * Copies a window of an image, zero where it reaches over the border, optionally mirrored.
 *
 * @param top   row of the image that becomes the first row of the window; may be negative
 * @param left  column that becomes the first column; may be negative
 * @param out   float32 [height, width, channels] of `shape`
 * @throws Error  when the channels differ
 */
export function copyWindow(
  image: SourceImage,
  top: number,
  left: number,
  [height, width, channels]: ImageShape,
  out: Float32Array,
  mirrored = false,
): void {
  if (image.channels !== channels) {
    throw new Error(`copyWindow: image has ${image.channels} channels; expected ${channels}`);
  }
  out.fill(0);
  for (let y = Math.max(0, -top); y < height && y + top < image.height; y++) {
    for (let x = Math.max(0, -left); x < width && x + left < image.width; x++) {
      const from = ((y + top) * image.width + x + left) * channels;
      const to = (y * width + (mirrored ? width - 1 - x : x)) * channels;
      for (let c = 0; c < channels; c++) out[to + c] = image.data[from + c]!;
    }
  }
}

/** The middle of an image, padded with zeros where it is smaller (tf.image.resize_with_crop_or_pad). */
export function cropOrPad(image: SourceImage, shape: ImageShape, out: Float32Array): void {
  const offset = (size: number, target: number) =>
    size >= target ? Math.floor((size - target) / 2) : -Math.floor((target - size) / 2);
  copyWindow(image, offset(image.height, shape[0]), offset(image.width, shape[1]), shape, out);
}
