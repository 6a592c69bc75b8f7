/** What a data set holds, in numbers and in pictures. */
import { createHash } from 'node:crypto';
import { type Image, type ImageDataset, imagesOf } from './dataset.ts';

/** Numbers about one split. */
export interface Description {
  /** Items of each class, by label. */
  readonly classCounts: readonly number[];
  /** Mean of each channel over all items and pixels, 0..255. */
  readonly channelMeans: readonly number[];
  /** Standard deviation of each channel over all items and pixels. */
  readonly channelStddevs: readonly number[];
  /** Mean over all items, rounded; null when they differ in size, or have more than 2²⁶ samples each. */
  readonly meanImage: Image | null;
  /** [height, width] that images have, the smallest and the largest of each. */
  readonly extents: readonly [
    smallest: readonly [number, number],
    largest: readonly [number, number],
  ];
  /** Items whose images are equal byte by byte, in groups of two or more. */
  readonly duplicates: readonly (readonly number[])[];
}

/** Sums of larger images, of 8 bytes a sample, would take too much memory. */
const maxMeanSamples = 2 ** 26;

/** An image whose samples are sums over so many images. */
function meanOf(sums: Float64Array, count: number): Uint8Array {
  const data = new Uint8Array(sums.length);
  for (let i = 0; i < data.length; i++) data[i] = Math.round(sums[i]! / count);
  return data;
}

/** Goes through a split once. @throws UserError when an image cannot be read or decoded */
export async function describeDataset(dataset: ImageDataset): Promise<Description> {
  const channels = dataset.imageShape[2];
  const classCounts = dataset.classNames.map(() => 0);
  const itemsOfHash = new Map<string, number[]>();
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  let pixels = 0;
  /** Sum of the images by sample, while they are of one size. */
  let sumImage: Float64Array | null = null;
  const smallest: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const largest: [number, number] = [0, 0];
  for await (const { itemIndex, image } of imagesOf(dataset)) {
    const { height, width, data } = image;
    classCounts[dataset.labels[itemIndex]!]!++;
    pixels += height * width;
    for (const [i, extent] of [height, width].entries()) {
      smallest[i] = Math.min(smallest[i]!, extent);
      largest[i] = Math.max(largest[i]!, extent);
    }
    const isOfOneSize = smallest[0] === largest[0] && smallest[1] === largest[1];
    const hasMean = isOfOneSize && data.length <= maxMeanSamples;
    sumImage = hasMean ? (sumImage ?? new Float64Array(data.length)) : null;
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      let square = 0;
      for (let i = c; i < data.length; i += channels) {
        sum += data[i]!;
        square += data[i]! ** 2;
      }
      sums[c]! += sum;
      squares[c]! += square;
    }
    if (sumImage !== null) for (let i = 0; i < data.length; i++) sumImage[i]! += data[i]!;
    const hash = createHash('sha256').update(`${width} `).update(data).digest('base64');
    const same = itemsOfHash.get(hash);
    if (same === undefined) itemsOfHash.set(hash, [itemIndex]);
    else same.push(itemIndex);
  }
  const channelMeans = Array.from(sums, (sum) => sum / pixels);
  const [height, width] = smallest;
  return {
    classCounts,
    channelMeans,
    channelStddevs: channelMeans.map((mean, c) =>
      Math.sqrt(Math.max(0, squares[c]! / pixels - mean ** 2)),
    ),
    meanImage: sumImage && {
      width,
      height,
      channels,
      data: meanOf(sumImage, dataset.items.length),
    },
    extents: [smallest, largest],
    duplicates: [...itemsOfHash.values()].filter((items) => items.length > 1),
  };
}

/** Images of a contact sheet in a row. */
const sheetColumns = 16;
/** Pixels between them, white. */
const sheetGap = 2;

/** The first items of each class, by label. @param maxItems  of a class at most */
export function firstItemsOfClasses(
  { items, labels, classNames }: ImageDataset,
  maxItems: number,
): number[][] {
  const byLabel: number[][] = classNames.map(() => []);
  for (const itemIndex of items) {
    const ofClass = byLabel[labels[itemIndex]!]!;
    if (ofClass.length < maxItems) ofClass.push(itemIndex);
  }
  return byLabel;
}

/**
 * Some items side by side from left to right; images of different sizes each in a cell of the
 * largest, at its top left.
 *
 * @param items  at least one
 * @returns      one image with as many channels
 */
export async function contactSheet(
  dataset: ImageDataset,
  items: readonly number[],
): Promise<Image> {
  const images: Image[] = [];
  for await (const { image } of imagesOf(dataset, Uint32Array.from(items))) images.push(image);
  const channels = dataset.imageShape[2];
  const width = Math.max(...images.map((image) => image.width));
  const height = Math.max(...images.map((image) => image.height));
  const columns = Math.min(sheetColumns, items.length);
  const rows = Math.ceil(items.length / columns);
  const sheetWidth = columns * (width + sheetGap) - sheetGap;
  const sheetHeight = rows * (height + sheetGap) - sheetGap;
  const data = new Uint8Array(sheetWidth * sheetHeight * channels).fill(255);
  for (const [i, image] of images.entries()) {
    const left = (i % columns) * (width + sheetGap);
    const top = Math.floor(i / columns) * (height + sheetGap);
    const rowBytes = image.width * channels;
    for (let y = 0; y < image.height; y++) {
      const row = image.data.subarray(y * rowBytes, (y + 1) * rowBytes);
      data.set(row, ((top + y) * sheetWidth + left) * channels);
    }
  }
  return { width: sheetWidth, height: sheetHeight, channels, data };
}
