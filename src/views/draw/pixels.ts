/** Pictures as pixels: from images and numbers, enlarged, reduced, blended. */
import type { Image } from '../../../datasets/dataset.ts';
import { type ColormapName, colormap, notANumber } from './colormap.ts';

/** Opaque pixels in RGBA order, 0..255, row by row. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8ClampedArray;
}

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** An 8-bit image as pixels: grey, grey with alpha, RGB or RGBA; transparent parts become white. */
export function toPixels({ width, height, channels, data }: Image): Pixels {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  const isColor = channels >= 3;
  const hasAlpha = channels === 2 || channels === 4;
  for (let i = 0; i < width * height; i++) {
    const alpha = hasAlpha ? data[(i + 1) * channels - 1]! / 255 : 1;
    for (let c = 0; c < 3; c++) {
      const sample = data[i * channels + (isColor ? c : 0)]!;
      rgba[4 * i + c] = sample * alpha + 255 * (1 - alpha);
    }
  }
  return { width, height, rgba };
}

/**
 * What a network is fed, as an image: its smallest value black, its largest white; of more than
 * four channels the first three.
 *
 * @param data  float32 [height, width, channels]
 */
export function inputImage(
  data: Float32Array,
  [height, width, channels]: readonly [number, number, number],
): Image {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const scale = high > low ? 255 / (high - low) : 0;
  const samples = new Uint8Array(data.length);
  // An array of bytes cuts what is behind the point; to round before takes more than twice as long.
  for (let i = 0; i < data.length; i++) samples[i] = (data[i]! - low) * scale + 0.5;
  return { width, height, channels, data: samples };
}

const colormapsAsWords = new Map<ColormapName, Uint32Array>();

/** The colours of a map as words of opaque pixels, and behind them that of what is no number. */
function colormapWords(name: ColormapName): Uint32Array {
  let known = colormapsAsWords.get(name);
  if (known === undefined) {
    const colors = [...colormap(name), notANumber];
    known = Uint32Array.from(colors, ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r);
    colormapsAsWords.set(name, known);
  }
  return known;
}

/**
 * Values as colours.
 *
 * @param values   [height, width], not negative
 * @param maximum  value of the map's last colour; what is larger gets that colour too
 */
export function mapPixels(
  values: ArrayLike<number>,
  { width, height }: Size,
  maximum: number,
  name: ColormapName,
): Pixels {
  const colors = colormapWords(name);
  const words = new Uint32Array(width * height);
  for (let i = 0; i < words.length; i++) {
    const value = values[i]!;
    const share = maximum > 0 ? Math.min(1, value / maximum) : 0;
    words[i] = colors[Number.isNaN(value) ? 256 : Math.round(255 * share)]!;
  }
  return { width, height, rgba: new Uint8ClampedArray(words.buffer) };
}

/**
 * Lays coloured values over a picture in grey. The larger the value, the more its colour covers:
 * where nothing contributes, the picture shows.
 *
 * @param values   [height, width] of the map, not negative
 * @param picture  of any size; the result has the size `size`, as has the map on it
 */
export function overlay(
  values: ArrayLike<number>,
  mapSize: Size,
  maximum: number,
  name: ColormapName,
  picture: Pixels,
  size: Size,
): Pixels {
  const below = resample(picture, size);
  const colors = resample(mapPixels(values, mapSize, maximum, name), size);
  // The root lets small values be seen at all, as they are in the colour map.
  const cover = Float32Array.from({ length: mapSize.width * mapSize.height }, (_, i) =>
    maximum > 0 ? 0.85 * Math.sqrt(Math.min(1, values[i]! / maximum)) : 0,
  );
  const alphas = averageAreas(cover, mapSize, 1, size, new Float32Array(size.width * size.height));
  const rgba = new Uint8ClampedArray(below.rgba.length).fill(255);
  for (let i = 0; i < rgba.length; i += 4) {
    const [r, g, b] = [below.rgba[i]!, below.rgba[i + 1]!, below.rgba[i + 2]!];
    // Luma (ITU-R BT.601), brought into the middle so that dark and bright colours stand out.
    const grey = 40 + 0.6 * (0.299 * r + 0.587 * g + 0.114 * b);
    const alpha = alphas[i / 4]!;
    for (let c = 0; c < 3; c++) {
      rgba[i + c] = grey * (1 - alpha) + colors.rgba[i + c]! * alpha;
    }
  }
  return { ...size, rgba };
}

/** The largest size with the proportions of a picture in a box; the longer side fills it. */
export function sizeInBox({ width, height }: Size, box: Size): Size {
  const scale = Math.min(box.width / width, box.height / height);
  return {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  };
}

/** Which source pixels each target pixel covers, and how much of it each of them is. */
interface Coverage {
  /** The first source pixel of each target pixel. */
  readonly first: Int32Array;
  /** Where the shares of each target pixel begin; one more than there are target pixels. */
  readonly start: Int32Array;
  /** 0..1, of one target pixel together 1. */
  readonly shares: Float64Array;
}

const coverages = new Map<string, Coverage>();
const maxCoverages = 100;

/** Views enlarge the same few sizes again and again. */
function coverage(source: number, target: number): Coverage {
  const key = `${source} ${target}`;
  let known = coverages.get(key);
  if (known === undefined) {
    known = coverageOf(source, target);
    if (coverages.size >= maxCoverages) coverages.clear();
    coverages.set(key, known);
  }
  return known;
}

function coverageOf(source: number, target: number): Coverage {
  const first = new Int32Array(target);
  const start = new Int32Array(target + 1);
  const shares: number[] = [];
  const step = source / target;
  for (let i = 0; i < target; i++) {
    const from = i * step;
    const end = Math.min(source, from + step);
    first[i] = Math.floor(from);
    for (let s = Math.floor(from); s < end - 1e-9; s++) {
      shares.push((Math.min(end, s + 1) - Math.max(from, s)) / (end - from));
    }
    start[i + 1] = shares.length;
  }
  return { first, start, shares: Float64Array.from(shares) };
}

/** Samples of a picture, or what they are averaged to. */
type Samples = Float32Array | Uint8Array | Uint8ClampedArray;

/** Averages the columns of each row. @returns  float32 [height, target width, channels] */
function averageColumns(
  data: Samples,
  { width, height }: Size,
  channels: number,
  targetWidth: number,
): Float32Array {
  const { first, start, shares } = coverage(width, targetWidth);
  const result = new Float32Array(targetWidth * channels * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < targetWidth; x++, to += channels) {
      let from = (y * width + first[x]!) * channels;
      const begin = start[x]!;
      const end = start[x + 1]!;
      // Most columns of an enlarged picture lie within one of its source.
      if (end - begin === 1) {
        for (let c = 0; c < channels; c++) result[to + c] = data[from + c]!;
        continue;
      }
      for (let k = begin; k < end; k++, from += channels) {
        const share = shares[k]!;
        for (let c = 0; c < channels; c++) result[to + c]! += share * data[from + c]!;
      }
    }
  }
  return result;
}

/**
 * Brings samples to a size by averaging over areas.
 *
 * @param data      [height, width, channels]
 * @param size      its width and height
 * @param channels  samples per pixel
 * @param result    filled, [target height, target width, channels]; as its kind has it, what is no
 *                  whole number is rounded or cut
 * @returns         the result
 */
export function averageAreas<Result extends Samples>(
  data: Samples,
  size: Size,
  channels: number,
  { width, height }: Size,
  result: Result,
): Result {
  if (size.width === width && size.height === height) {
    result.set(data);
    return result;
  }
  const wide = averageColumns(data, size, channels, width);
  const { first, start, shares } = coverage(size.height, height);
  const rowLength = width * channels;
  const sums = new Float32Array(rowLength);
  // By index: to `set` bytes from float32 takes several times as long.
  for (let y = 0, to = 0, rowBefore = -1; y < height; y++, to += rowLength) {
    let from = first[y]! * rowLength;
    const begin = start[y]!;
    const end = start[y + 1]!;
    // Most rows of an enlarged picture lie within one of its source.
    if (end - begin === 1) {
      if (from === rowBefore) result.copyWithin(to, to - rowLength, to);
      else for (let i = 0; i < rowLength; i++) result[to + i] = wide[from + i]!;
      rowBefore = from;
      continue;
    }
    rowBefore = -1;
    sums.fill(0);
    for (let k = begin; k < end; k++, from += rowLength) {
      const share = shares[k]!;
      for (let i = 0; i < rowLength; i++) sums[i]! += share * wide[from + i]!;
    }
    for (let i = 0; i < rowLength; i++) result[to + i] = sums[i]!;
  }
  return result;
}

/** Pixels as words, which are copied as a whole; signed, as opaque ones without a sign are beyond V8's small integers. */
function wordsOf({ width, height, rgba }: Pixels): Int32Array {
  return new Int32Array(rgba.buffer, rgba.byteOffset, width * height);
}

/** Every other byte of a word, so that two at a time have room for their products. */
const evenBytes = 0xff00ff;

/**
 * The average of two pixels above and two below, as words.
 *
 * @param right  how much of it the right ones are, 0..256
 * @param lower  how much of it the lower ones are, 0..256
 */
function blend(
  upperLeft: number,
  upperRight: number,
  lowerLeft: number,
  lowerRight: number,
  right: number,
  lower: number,
): number {
  const share = (right * lower + 128) >> 8;
  const shareAbove = right - share;
  const shareBelow = lower - share;
  const shareOfFirst = 256 - right - shareBelow;
  const even =
    Math.imul(upperLeft & evenBytes, shareOfFirst) +
    Math.imul(upperRight & evenBytes, shareAbove) +
    Math.imul(lowerLeft & evenBytes, shareBelow) +
    Math.imul(lowerRight & evenBytes, share);
  const odd =
    Math.imul((upperLeft >>> 8) & evenBytes, shareOfFirst) +
    Math.imul((upperRight >>> 8) & evenBytes, shareAbove) +
    Math.imul((lowerLeft >>> 8) & evenBytes, shareBelow) +
    Math.imul((lowerRight >>> 8) & evenBytes, share);
  // Halves become even, as they do in an array of clamped bytes.
  return (
    (((even + 0x7f007f + ((even >>> 8) & 0x10001)) >>> 8) & evenBytes) |
    ((odd + 0x7f007f + ((odd >>> 8) & 0x10001)) & ~evenBytes)
  );
}

/** Where the columns or rows of a picture end when it is enlarged. */
interface Edges {
  /** For each, the target pixel behind the last one that lies within it alone. */
  readonly ends: Int32Array;
  /** How much of that pixel the next column or row is, 1..256; 0 where none lies within both. */
  readonly shares: Int32Array;
}

function edgesOf(source: number, target: number): Edges {
  const ends = new Int32Array(source);
  const shares = new Int32Array(source);
  for (let i = 0; i < source; i++) {
    const end = (i + 1) * target;
    const rest = end % source;
    ends[i] = (end - rest) / source;
    if (rest > 0) shares[i] = Math.max(1, Math.round((256 * (source - rest)) / source));
  }
  return { ends, shares };
}

/**
 * Writes an enlarged row.
 *
 * @param row    begin of the row in the source
 * @param below  begin of the row below it
 * @param lower  how much of the result the row below is, 0..256
 * @param at     begin of the result in the target
 */
function enlargeRow(
  source: Int32Array,
  row: number,
  below: number,
  lower: number,
  { ends, shares }: Edges,
  target: Int32Array,
  at: number,
): void {
  for (let x = 0, to = at; x < ends.length; x++) {
    const upperLeft = source[row + x]!;
    const lowerLeft = source[below + x]!;
    const whole = lower === 0 ? upperLeft : blend(upperLeft, 0, lowerLeft, 0, 0, lower);
    for (const end = at + ends[x]!; to < end; to++) target[to] = whole;
    const right = shares[x]!;
    if (right === 0) continue;
    const upperRight = source[row + x + 1]!;
    const lowerRight = source[below + x + 1]!;
    target[to++] = blend(upperLeft, upperRight, lowerLeft, lowerRight, right, lower);
  }
}

/**
 * What `averageAreas` makes of pixels that are not reduced, so that no target pixel is within more than two rows and two
 * columns. Shares are in 256ths: where they are others, such as thirds, a value can be larger or smaller by one.
 */
function enlarge(pixels: Pixels, size: Size, { words, width }: Words, start: number): void {
  const source = wordsOf(pixels);
  const columns = edgesOf(pixels.width, size.width);
  const { ends, shares } = edgesOf(pixels.height, size.height);
  for (let y = 0, at = start, row = 0; y < pixels.height; y++, row += pixels.width) {
    const end = start + ends[y]! * width;
    if (at < end) {
      enlargeRow(source, row, row, 0, columns, words, at);
      for (at += width; at < end; at += width)
        words.copyWithin(at, at - width, at - width + size.width);
    }
    if (shares[y]! === 0) continue;
    enlargeRow(source, row, row + pixels.width, shares[y]!, columns, words, at);
    at += width;
  }
}

/** Pixels as words, of which a part is to be written. */
export interface Words {
  readonly words: Int32Array;
  /** Of the whole, in pixels. */
  readonly width: number;
}

/** Copies pixels into others. */
function copyInto(pixels: Pixels, { words, width }: Words, start: number): void {
  const source = wordsOf(pixels);
  for (let from = 0, to = start; from < source.length; from += pixels.width, to += width) {
    words.set(source.subarray(from, from + pixels.width), to);
  }
}

/**
 * Brings pixels to a size by averaging over areas, within others. Reduced pictures are smooth; enlarged ones show each
 * pixel as an even block, with soft edges where the factor is not whole.
 *
 * @param target  where they are written to
 * @param start   its word that is their first
 * @throws RangeError  when there are no pixels
 */
export function resampleInto(pixels: Pixels, size: Size, target: Words, start: number): void {
  if (pixels.rgba.length === 0) throw new RangeError('resample: got a picture without pixels');
  if (pixels.width === size.width && pixels.height === size.height) {
    copyInto(pixels, target, start);
  } else if (size.width >= pixels.width && size.height >= pixels.height) {
    enlarge(pixels, size, target, start);
  } else {
    const rgba = new Uint8ClampedArray(4 * size.width * size.height);
    copyInto({ ...size, rgba: averageAreas(pixels.rgba, pixels, 4, size, rgba) }, target, start);
  }
}

/**
 * Pixels in another size, as `resampleInto` has them.
 *
 * @throws RangeError  when there are no pixels
 */
export function resample(pixels: Pixels, size: Size): Pixels {
  if (pixels.width === size.width && pixels.height === size.height) return pixels;
  const words = new Int32Array(size.width * size.height);
  resampleInto(pixels, size, { words, width: size.width }, 0);
  return { ...size, rgba: new Uint8ClampedArray(words.buffer) };
}
