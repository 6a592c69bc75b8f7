/** What a data set holds, in numbers and in pictures. */
import { createHash } from 'node:crypto';
import type { Dataset, Image } from './dataset.ts';

/** Numbers about one split. */
export interface Description {
  /** Items of each class, by label. */
  readonly classCounts: readonly number[];
  /** Mean of each channel over all items and pixels, 0..255. */
  readonly channelMeans: readonly number[];
  /** Standard deviation of each channel over all items and pixels. */
  readonly channelStddevs: readonly number[];
  /** Mean over all items, rounded. */
  readonly meanImage: Image;
  /** Items whose images are equal byte by byte, in groups of two or more. */
  readonly duplicates: readonly (readonly number[])[];
}

/** Goes through a split once. */
export function describeDataset(dataset: Dataset): Description {
  const [height, width, channels] = dataset.imageShape;
  const samples = height * width * channels;
  const sums = new Float64Array(samples);
  const squares = new Float64Array(samples);
  const classCounts = dataset.classNames.map(() => 0);
  const itemsOfHash = new Map<string, number[]>();
  for (let item = 0; item < dataset.size; item++) {
    const label = dataset.labels[item]!;
    classCounts[label] = classCounts[label]! + 1;
    const { data } = dataset.image(item);
    for (let i = 0; i < samples; i++) {
      const value = data[i]!;
      sums[i] = sums[i]! + value;
      squares[i] = squares[i]! + value * value;
    }
    const hash = createHash('sha256').update(data).digest('base64');
    const same = itemsOfHash.get(hash);
    if (same === undefined) itemsOfHash.set(hash, [item]);
    else same.push(item);
  }
  const count = (dataset.size * samples) / channels;
  const perChannel = (values: Float64Array) =>
    Array.from({ length: channels }, (_, c) => {
      let sum = 0;
      for (let i = c; i < samples; i += channels) sum += values[i]!;
      return sum / count;
    });
  const channelMeans = perChannel(sums);
  return {
    classCounts,
    channelMeans,
    channelStddevs: perChannel(squares).map((mean, c) =>
      Math.sqrt(Math.max(0, mean - channelMeans[c]! ** 2)),
    ),
    meanImage: {
      width,
      height,
      channels,
      data: Uint8Array.from(sums, (sum) => Math.round(sum / dataset.size)),
    },
    duplicates: [...itemsOfHash.values()].filter((items) => items.length > 1),
  };
}

/** Images of a contact sheet in a row. */
const sheetColumns = 16;
/** Pixels between them, white. */
const sheetGap = 2;

/**
 * The first items of a class side by side, in the order of their index from left to right.
 *
 * @param maxItems  that are shown at most
 * @returns         one image with as many channels, or null when the class has no items
 */
export function contactSheet(dataset: Dataset, label: number, maxItems: number): Image | null {
  const items: number[] = [];
  for (let item = 0; item < dataset.size && items.length < maxItems; item++) {
    if (dataset.labels[item] === label) items.push(item);
  }
  if (items.length === 0) return null;
  const [height, width, channels] = dataset.imageShape;
  const columns = Math.min(sheetColumns, items.length);
  const rows = Math.ceil(items.length / columns);
  const sheetWidth = columns * (width + sheetGap) - sheetGap;
  const sheetHeight = rows * (height + sheetGap) - sheetGap;
  const data = new Uint8Array(sheetWidth * sheetHeight * channels).fill(255);
  for (const [i, item] of items.entries()) {
    const image = dataset.image(item).data;
    const left = (i % columns) * (width + sheetGap);
    const top = Math.floor(i / columns) * (height + sheetGap);
    for (let y = 0; y < height; y++) {
      const row = image.subarray(y * width * channels, (y + 1) * width * channels);
      data.set(row, ((top + y) * sheetWidth + left) * channels);
    }
  }
  return { width: sheetWidth, height: sheetHeight, channels, data };
}
