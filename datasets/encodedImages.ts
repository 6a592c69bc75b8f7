/** Images as their files have them, compressed: where they lie, and how they come into memory. */
import { closeSync, openSync, readSync } from 'node:fs';
import { UserError } from '../src/errors.ts';
import type { Dataset, Image } from './dataset.ts';
import { type DecodeOptions, decodeImage } from './decodeImage.ts';
import { type InMemoryDataset, inMemory } from './inMemory.ts';

/** Where the compressed image of each item lies. */
export interface EncodedImages {
  readonly files: readonly string[];
  /** Index into files, by item. */
  readonly file: Uint32Array;
  /** First byte in the file, by item. */
  readonly offset: Float64Array;
  /** Bytes, by item. */
  readonly length: Uint32Array;
}

/** One split whose images are compressed. */
export interface EncodedSplit
  extends Pick<Dataset, 'name' | 'split' | 'classNames' | 'labels' | 'size'> {
  readonly images: EncodedImages;
}

/** An item that was left out. */
export interface SkippedItem {
  /** In the source order, counted with the items that were left out. */
  readonly itemIndex: number;
  readonly reason: string;
}

/** How compressed images become a data set in memory. */
export interface LoadOptions {
  /** Side of the square that images are resized and cropped to; null for their own size. */
  readonly side: number | null;
  /** Whether an image that cannot be decoded ends it all or is left out. */
  readonly onBadItem: 'fail' | 'skip';
  /** Decoded images are not to take more bytes. */
  readonly maxBytes: number;
}

/** Images that are decoded at a time. */
const decodedAtATime = 32;
/** Files that may be held open: there are fewer shards, but more images of a folder. */
const maxOpenFiles = 64;

/** What names an item in errors: its file, and its place when the file holds several. */
export function describeItem({ files, file, offset }: EncodedImages, itemIndex: number): string {
  const path = files[file[itemIndex]!]!;
  return offset[itemIndex] === 0 ? path : `${path}, byte ${offset[itemIndex]}`;
}

/** Reads the compressed bytes of items. */
export class EncodedReader {
  readonly #images: EncodedImages;
  readonly #descriptors = new Map<number, number>();

  constructor(images: EncodedImages) {
    this.#images = images;
  }

  /** @throws UserError  when the file cannot be read, or has become shorter */
  read(itemIndex: number): Buffer {
    const { files, file, offset, length } = this.#images;
    const index = file[itemIndex]!;
    const bytes = Buffer.allocUnsafe(length[itemIndex]!);
    let bytesRead: number;
    try {
      let descriptor = this.#descriptors.get(index);
      if (descriptor === undefined) {
        if (this.#descriptors.size >= maxOpenFiles) this.close();
        descriptor = openSync(files[index]!, 'r');
        this.#descriptors.set(index, descriptor);
      }
      bytesRead = readSync(descriptor, bytes, 0, bytes.length, offset[itemIndex]!);
    } catch (error) {
      throw new UserError(`${files[index]}: cannot be read (${(error as Error).message}).`);
    }
    if (bytesRead < bytes.length) {
      throw new UserError(
        `${files[index]}, byte ${offset[itemIndex]! + bytesRead}: the file ends; expected an image of ${bytes.length} bytes.`,
      );
    }
    return bytes;
  }

  /** Closes all files. */
  close(): void {
    for (const descriptor of this.#descriptors.values()) closeSync(descriptor);
    this.#descriptors.clear();
  }
}

/**
 * Decodes a split once, into memory. The first image decides on the channels (1 or 3) and, unless
 * a side is given, on the size.
 *
 * @returns  the data set of the items that could be decoded, and the others
 * @throws UserError  naming the item that cannot be decoded or has another size than the first, or
 *                    saying how much memory would be needed
 */
export async function decodeIntoMemory(
  { name, split, classNames, labels, size, images }: EncodedSplit,
  { side, onBadItem, maxBytes }: LoadOptions,
): Promise<{ dataset: InMemoryDataset; skipped: readonly SkippedItem[] }> {
  const reader = new EncodedReader(images);
  const skipped: SkippedItem[] = [];
  const decode = async (itemIndex: number, options: DecodeOptions): Promise<Image | null> => {
    try {
      return await decodeImage(reader.read(itemIndex), describeItem(images, itemIndex), options);
    } catch (error) {
      if (!(error instanceof UserError) || onBadItem === 'fail') throw error;
      skipped.push({ itemIndex, reason: error.message });
      return null;
    }
  };
  try {
    let next = 0;
    let first: Image | null = null;
    while (first === null && next < size) first = await decode(next++, { channels: null, side });
    if (first === null)
      throw new UserError(`${name}, ${split}: found no image that can be decoded.`);
    const { height, width, channels } = first;
    const imageBytes = height * width * channels;
    if (imageBytes * size > maxBytes) {
      const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
      throw new UserError(
        `${name}, ${split}: ${size} images of ${height}×${width}×${channels} take ${gib(imageBytes * size)}; expected at most ${gib(maxBytes)}. Resize them to a smaller side.`,
      );
    }
    const pixels = new Uint8Array(new SharedArrayBuffer(size * imageBytes));
    const kept: number[] = [];
    const keep = (itemIndex: number, image: Image) => {
      if (image.height !== height || image.width !== width) {
        throw new UserError(
          `${describeItem(images, itemIndex)}: found ${image.width}×${image.height} pixels; the first image has ${width}×${height}. Give a side to resize them to.`,
        );
      }
      pixels.set(image.data, kept.length * imageBytes);
      kept.push(itemIndex);
    };
    keep(next - 1, first);
    const options: DecodeOptions = { channels: channels === 1 ? 1 : 3, side };
    while (next < size) {
      const batch = Array.from(
        { length: Math.min(decodedAtATime, size - next) },
        (_, i) => next + i,
      );
      const decoded = await Promise.all(batch.map((itemIndex) => decode(itemIndex, options)));
      for (const [i, image] of decoded.entries()) if (image !== null) keep(batch[i]!, image);
      next += batch.length;
    }
    skipped.sort((a, b) => a.itemIndex - b.itemIndex);
    const dataset = inMemory({
      name,
      split,
      classNames,
      imageShape: [height, width, channels],
      labels: Int32Array.from(kept, (itemIndex) => labels[itemIndex]!),
      pixels: pixels.subarray(0, kept.length * imageBytes),
    });
    return { dataset, skipped };
  } finally {
    reader.close();
  }
}
