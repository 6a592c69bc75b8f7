/** Cropping and padding of images, as tf.image has them. */
import type { Image } from '../../datasets/dataset.ts';
import type { TakeWindow } from './preprocessing.ts';

/**
 * Copies a window of an image, zero where it reaches over the border, optionally mirrored.
 *
 * @param top   row of the image that becomes the first row of the window; may be negative
 * @param left  column that becomes the first column; may be negative
 * @param out   [height, width, channels of the image]
 */
export function copyWindow(
  { width: imageWidth, height: imageHeight, channels, data }: Image,
  top: number,
  left: number,
  [height, width]: readonly [height: number, width: number],
  out: Uint8Array,
  mirrored = false,
): void {
  const [firstRow, lastRow] = [Math.max(0, -top), Math.min(height, imageHeight - top)];
  const [first, last] = [Math.max(0, -left), Math.min(width, imageWidth - left)];
  if (lastRow - firstRow < height || last - first < width) out.fill(0);
  for (let y = firstRow; y < lastRow; y++) {
    let from = ((y + top) * imageWidth + left + first) * channels;
    const end = from + (last - first) * channels;
    let to = (y * width + (mirrored ? width - 1 - first : first)) * channels;
    const step = mirrored ? -channels : channels;
    // Written out, as the loop over the channels takes twice the time.
    if (channels === 3) {
      for (; from < end; from += 3, to += step) {
        out[to] = data[from]!;
        out[to + 1] = data[from + 1]!;
        out[to + 2] = data[from + 2]!;
      }
    } else {
      for (; from < end; from += channels, to += step) {
        for (let c = 0; c < channels; c++) out[to + c] = data[from + c]!;
      }
    }
  }
}

/** The middle of an image, padded with zeros where it is smaller (tf.image.resize_with_crop_or_pad). */
export const cropOrPad: TakeWindow = (image, size, out) => {
  const offset = (from: number, to: number) =>
    from >= to ? Math.floor((from - to) / 2) : -Math.floor((to - from) / 2);
  copyWindow(image, offset(image.height, size[0]), offset(image.width, size[1]), size, out);
};
