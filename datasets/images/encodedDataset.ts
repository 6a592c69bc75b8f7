/** A data set of images that are compressed. */
import { UserError } from '../../src/errors.ts';
import { allItems, type ImageDataset } from '../dataset.ts';
import type { DecodedSize, EncodedImages, EncodedStore } from '../imageStore.ts';
import { cachedBytes, makeDecodedCache } from './decodedCache.ts';
import { readChannels } from './decodeImage.ts';
import { describeItem, type EncodedSplit } from './encodedImages.ts';
import { EncodedReader } from './encodedReader.ts';

/** An item that was left out. */
export interface SkippedItem {
  readonly itemIndex: number;
  /** Its file, and its place when the file holds several. */
  readonly source: string;
  readonly reason: string;
}

/** How compressed images become a data set. */
export interface EncodedOptions {
  readonly size: DecodedSize;
  /** 1 grey, 3 RGB; null for RGB unless all images are grey. */
  readonly channels: 1 | 3 | null;
  /** Images of more pixels cannot be decoded; 2²⁶ by default. */
  readonly maxPixels?: number | undefined;
  /** Whether an image that cannot be decoded ends it all or is left out. */
  readonly onBadItem: 'fail' | 'skip';
  /** Decoded images that are kept in memory are not to take more bytes. */
  readonly maxBytes: number;
}

/** Images that are decoded at a time where each is looked at once. */
const decodedAtATime = 32;
/** Images that are asked for their channels: all but the largest data sets are of one kind. */
const askedForChannels = 64;

/** 3 when any of some images spread over the split has colours, else 1. */
async function findChannels(images: EncodedImages, size: number): Promise<1 | 3> {
  const asked = Math.min(size, askedForChannels);
  const cache = makeDecodedCache(0, 3, 0);
  const decoding = { channels: 3, size: null } as const;
  const reader = new EncodedReader({ kind: 'encoded', images, decoding, cache });
  try {
    for (let i = 0; i < asked; i++) {
      const itemIndex = Math.floor((i * size) / asked);
      try {
        if ((await readChannels(reader.readEncoded(itemIndex))) === 3) return 3;
      } catch {
        // What is wrong with it is said when it is decoded.
      }
    }
  } finally {
    reader.close();
  }
  return 1;
}

/**
 * Makes a data set of compressed images, which are decoded when they are wanted. To leave out those
 * that cannot be, each is decoded once before.
 *
 * @returns  the data set, and the items that are left out
 * @throws UserError  when no image can be decoded
 */
export async function encodedDataset(
  { name, split, classNames, labels, size, images }: EncodedSplit,
  options: EncodedOptions,
): Promise<{ dataset: ImageDataset; skipped: readonly SkippedItem[] }> {
  const channels = options.channels ?? (await findChannels(images, size));
  const decoding = { channels, size: options.size, maxPixels: options.maxPixels };
  const side = options.size?.fit === 'crop' ? options.size.side : null;
  const { maxBytes } = options;
  const cache = makeDecodedCache(
    size,
    channels,
    side === null ? maxBytes : Math.min(maxBytes, size * cachedBytes(side * side * channels)),
  );
  const store: EncodedStore = { kind: 'encoded', images, decoding, cache };
  const reader = new EncodedReader(store);
  const skipped = options.onBadItem === 'skip' ? await findBadItems(reader, images, size) : [];
  const left = new Set(skipped.map(({ itemIndex }) => itemIndex));
  const items = allItems(size).filter((itemIndex) => !left.has(itemIndex));
  if (items.length === 0) {
    throw new UserError(
      `${name}, ${split}: found no image that can be decoded. The first: ${skipped[0]!.reason}`,
    );
  }
  const dataset: ImageDataset = {
    kind: 'images',
    name,
    split,
    size,
    items,
    classNames,
    imageShape: [side, side, channels],
    labels,
    images: store,
    image: async (itemIndex) => reader.read(itemIndex),
    places: { kind: 'images', images },
  };
  return { dataset, skipped };
}

/** Decodes every image. @returns those that cannot be, in order */
async function findBadItems(
  reader: EncodedReader,
  images: EncodedImages,
  size: number,
): Promise<SkippedItem[]> {
  const bad: SkippedItem[] = [];
  const tryItem = async (itemIndex: number) => {
    try {
      await reader.read(itemIndex);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      bad.push({ itemIndex, source: describeItem(images, itemIndex), reason: error.message });
    }
  };
  for (let first = 0; first < size; first += decodedAtATime) {
    const count = Math.min(decodedAtATime, size - first);
    await Promise.all(Array.from({ length: count }, (_, i) => tryItem(first + i)));
  }
  return bad.sort((a, b) => a.itemIndex - b.itemIndex);
}
