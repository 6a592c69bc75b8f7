/** Cropping and padding of images, as tf.image has them. */
import type { Image } from '../../datasets/dataset.ts';
import type { TakeWindow } from './preprocessing.ts';

// Words take half the time that bytes do; where memory is shared with threads `fill` copies byte by byte, and so does
// `set` unless both lie alike in words of 8 bytes.

function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function copy(source: DataView, from: number, out: DataView, to: number, bytes: number): void {
  let i = 0;
  for (; i + 4 <= bytes; i += 4) out.setUint32(to + i, source.getUint32(from + i, true), true);
  for (; i < bytes; i++) out.setUint8(to + i, source.getUint8(from + i));
}

/** Copies pixels in reverse order. */
function copyMirrored(
  source: DataView,
  from: number,
  out: DataView,
  to: number,
  pixels: number,
  channels: number,
): void {
  let pixel = 0;
  let at = to + pixels * channels;
  if (channels === 3) {
    // Four pixels are three words, RGBR GBRG BRGB.
    for (; pixel + 4 <= pixels; pixel += 4) {
      const first = source.getUint32(from + 3 * pixel, true);
      const second = source.getUint32(from + 3 * pixel + 4, true);
      const third = source.getUint32(from + 3 * pixel + 8, true);
      at -= 12;
      out.setUint32(at, (third >>> 8) | ((second & 0xff0000) << 8), true);
      const middle = (second >>> 24) | ((third & 0xff) << 8) | ((first >>> 24) << 16);
      out.setUint32(at + 4, middle | (second << 24), true);
      out.setUint32(at + 8, ((second >>> 8) & 0xff) | (first << 8), true);
    }
  }
  for (; pixel < pixels; pixel++) {
    at -= channels;
    for (let c = 0; c < channels; c++) {
      out.setUint8(at + c, source.getUint8(from + pixel * channels + c));
    }
  }
}

function clear(out: DataView, from: number, end: number): void {
  let at = from;
  for (; at + 4 <= end; at += 4) out.setUint32(at, 0);
  for (; at < end; at++) out.setUint8(at, 0);
}

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
  const source = wordsOf(data);
  const target = wordsOf(out);
  if (left === 0 && width === imageWidth && !mirrored && top >= 0 && top + height <= imageHeight) {
    const first = top * width * channels;
    const bytes = height * width * channels;
    if ((data.byteOffset + first - out.byteOffset) % 8 === 0) {
      out.set(data.subarray(first, first + bytes));
    } else copy(source, first, target, 0, bytes);
    return;
  }
  const within = (value: number, size: number) => Math.max(0, Math.min(value, size));
  const [firstRow, lastRow] = [within(-top, height), within(imageHeight - top, height)];
  const [first, last] = [within(-left, width), within(imageWidth - left, width)];
  const bytes = (last - first) * channels;
  const rowBytes = width * channels;
  clear(target, 0, firstRow * rowBytes);
  for (let y = firstRow; y < lastRow; y++) {
    const from = ((y + top) * imageWidth + left + first) * channels;
    const row = y * rowBytes;
    const to = row + (mirrored ? width - last : first) * channels;
    clear(target, row, to);
    if (mirrored) copyMirrored(source, from, target, to, last - first, channels);
    else copy(source, from, target, to, bytes);
    clear(target, to + bytes, row + rowBytes);
  }
  clear(target, lastRow * rowBytes, height * rowBytes);
}

/** The middle of an image, padded with zeros where it is smaller (tf.image.resize_with_crop_or_pad). */
export const cropOrPad: TakeWindow = (image, size, out) => {
  const offset = (from: number, to: number) =>
    from >= to ? Math.floor((from - to) / 2) : -Math.floor((to - from) / 2);
  copyWindow(image, offset(image.height, size[0]), offset(image.width, size[1]), size, out);
};

/** Index of the pixel that stands at i when a row of so many is mirrored at its ends again and again. */
function reflected(i: number, size: number): number {
  const period = Math.max(1, 2 * (size - 1));
  const at = ((i % period) + period) % period;
  return at < size ? at : period - at;
}

/**
 * An image with more pixels on each side, mirrored at its edges (tf.pad, REFLECT; images that are smaller than the
 * border are mirrored more than once).
 *
 * @param border  pixels on each side
 */
export function reflectBorder({ width, height, channels, data }: Image, border: number): Image {
  const [newWidth, newHeight] = [width + 2 * border, height + 2 * border];
  const out = new Uint8Array(newWidth * newHeight * channels);
  const copyPixels = (from: number, to: number, pixels: number) =>
    out.set(data.subarray(from * channels, (from + pixels) * channels), to * channels);
  for (let y = 0; y < newHeight; y++) {
    const row = reflected(y - border, height) * width;
    const to = y * newWidth;
    for (let i = 0; i < border; i++) {
      copyPixels(row + reflected(i - border, width), to + i, 1);
      copyPixels(row + reflected(width + i, width), to + border + width + i, 1);
    }
    copyPixels(row, to + border, width);
  }
  return { width: newWidth, height: newHeight, channels, data: out };
}

/**
 * Takes a random crop of an image with a border around it, mirrored or not.
 *
 * @param surround  gives the image with its border, or as it is: then there are zeros around it
 * @param padding   pixels on each side that a crop may reach beyond the image
 */
export function takeShiftedWindow(surround: (image: Image) => Image, padding: number): TakeWindow {
  return (image, size, out, random) => {
    const surrounded = surround(image);
    const border = (surrounded.height - image.height) / 2;
    const offset = (from: number, to: number) =>
      Math.floor(random() * (from + 2 * padding - to + 1)) - padding + border;
    const top = offset(image.height, size[0]);
    const left = offset(image.width, size[1]);
    copyWindow(surrounded, top, left, size, out, random() < 0.5);
  };
}
