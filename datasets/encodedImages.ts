/** Images as their files have them, compressed: where they lie, and how they are read and decoded. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { UserError } from '../src/errors.ts';
import { allItems, type Image, type ImageDataset } from './dataset.ts';
import { cached, cachedBytes, type DecodedCache, keep, makeDecodedCache } from './decodedCache.ts';
import { type DecodedSize, type DecodeOptions, decodeImage, readChannels } from './decodeImage.ts';
import type { ImageReader } from './imageStore.ts';

/** Texts one after the other in shared memory: a million file names are not copied to each thread. */
export interface TextTable {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** First byte of each text, and the end of the last. */
  readonly starts: Float64Array<SharedArrayBuffer>;
}

/** Where the compressed image of each item lies, in shared memory. */
export interface EncodedImages {
  readonly files: TextTable;
  /** Index into files, by item. */
  readonly file: Uint32Array<SharedArrayBuffer>;
  /** First byte in the file, by item. */
  readonly offset: Float64Array<SharedArrayBuffer>;
  /** Bytes, by item; of an image that is a file of its own, 0. */
  readonly length: Uint32Array<SharedArrayBuffer>;
}

/** Compressed images with all that threads need to read them. */
export interface EncodedStore {
  readonly kind: 'encoded';
  readonly images: EncodedImages;
  readonly decoding: DecodeOptions;
  readonly cache: DecodedCache;
}

/** One split whose images are compressed. */
export interface EncodedSplit
  extends Pick<ImageDataset, 'name' | 'split' | 'classNames' | 'labels' | 'size'> {
  readonly images: EncodedImages;
}

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
  /** Whether an image that cannot be decoded ends it all or is left out. */
  readonly onBadItem: 'fail' | 'skip';
  /** Decoded images that are kept in memory are not to take more bytes. */
  readonly maxBytes: number;
}

/** Images that are decoded at a time where each is looked at once. */
const decodedAtATime = 32;
/** Images that are asked for their channels: all but the largest data sets are of one kind. */
const askedForChannels = 64;

function textTable(texts: readonly string[]): TextTable {
  const encoded = texts.map((text) => Buffer.from(text));
  const starts = new Float64Array(new SharedArrayBuffer(8 * (texts.length + 1)));
  encoded.forEach(({ length }, i) => {
    starts[i + 1] = starts[i]! + length;
  });
  const bytes = new Uint8Array(new SharedArrayBuffer(starts[texts.length]!));
  encoded.forEach((text, i) => {
    bytes.set(text, starts[i]!);
  });
  return { bytes, starts };
}

function textAt({ bytes, starts }: TextTable, index: number): string {
  return Buffer.from(bytes.buffer, starts[index]!, starts[index + 1]! - starts[index]!).toString();
}

/** Puts together where images lie. @param places  by item, as EncodedImages has them */
export function encodedImages(
  files: readonly string[],
  places: {
    readonly file: ArrayLike<number>;
    readonly offset: ArrayLike<number>;
    readonly length: ArrayLike<number>;
  },
): EncodedImages {
  const size = places.file.length;
  const file = new Uint32Array(new SharedArrayBuffer(4 * size));
  const offset = new Float64Array(new SharedArrayBuffer(8 * size));
  const length = new Uint32Array(new SharedArrayBuffer(4 * size));
  file.set(places.file);
  offset.set(places.offset);
  length.set(places.length);
  return { files: textTable(files), file, offset, length };
}

/** What names an item in errors: its file, and its place when the file holds several. */
export function describeItem({ files, file, offset }: EncodedImages, itemIndex: number): string {
  const path = textAt(files, file[itemIndex]!);
  return offset[itemIndex] === 0 ? path : `${path}, byte ${offset[itemIndex]}`;
}

/** Reads and decodes images on one thread. */
export class EncodedReader implements ImageReader {
  readonly #store: EncodedStore;
  readonly #descriptors = new Map<number, number>();

  constructor(store: EncodedStore) {
    this.#store = store;
  }

  /**
   * The image of one item, decoded unless that was done before and it was kept.
   *
   * @throws UserError  when the file cannot be read, or has become shorter, or the image is damaged
   */
  read(itemIndex: number): Image | Promise<Image> {
    return cached(this.#store.cache, itemIndex) ?? this.#decode(itemIndex);
  }

  /** The compressed bytes of one item. @throws UserError  when they cannot be read */
  readEncoded(itemIndex: number): Buffer {
    const { files, file, offset, length } = this.#store.images;
    const index = file[itemIndex]!;
    const start = offset[itemIndex]!;
    const bytes = Buffer.allocUnsafe(length[itemIndex]!);
    let bytesRead: number;
    try {
      if (bytes.length === 0) return readFileSync(textAt(files, index));
      const descriptor = this.#descriptors.get(index) ?? openSync(textAt(files, index), 'r');
      this.#descriptors.set(index, descriptor);
      bytesRead = readSync(descriptor, bytes, 0, bytes.length, start);
    } catch (error) {
      throw new UserError(`${textAt(files, index)}: cannot be read (${(error as Error).message}).`);
    }
    if (bytesRead < bytes.length) {
      throw new UserError(
        `${textAt(files, index)}, byte ${start + bytesRead}: the file ends; expected an image of ${bytes.length} bytes.`,
      );
    }
    return bytes;
  }

  close(): void {
    for (const descriptor of this.#descriptors.values()) closeSync(descriptor);
    this.#descriptors.clear();
  }

  async #decode(itemIndex: number): Promise<Image> {
    const { images, decoding, cache } = this.#store;
    const bytes = this.readEncoded(itemIndex);
    const image = await decodeImage(bytes, describeItem(images, itemIndex), decoding);
    keep(cache, itemIndex, image);
    return image;
  }
}

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
  const decoding = { channels, size: options.size };
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
    describeItem: (itemIndex) => describeItem(images, itemIndex),
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
