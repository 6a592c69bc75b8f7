/** Reads images as their files have them, and decodes them. */
import { closeSync, readFileSync, readSync } from 'node:fs';
import { UserError, unreadable } from '../../src/errors.ts';
import { openRegularFile } from '../../src/files/openRegularFile.ts';
import type { Image, ImageReader } from '../dataset.ts';
import type { EncodedStore } from '../imageStore.ts';
import { cached, keep } from './decodedCache.ts';
import { decodeImage } from './decodeImage.ts';
import { describeItem, textAt } from './encodedImages.ts';

/**
 * Files that hold several images and are kept open on a thread: with 64 threads, half of the 1024
 * descriptors that a process may usually have.
 */
const maxOpenFiles = 8;

function readWhole(path: string): Buffer {
  const { descriptor } = openRegularFile(path);
  try {
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Reads and decodes images on one thread. */
export class EncodedReader implements ImageReader {
  readonly #store: EncodedStore;
  /** By index of the file, the one that was read last at the end. */
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
      if (bytes.length === 0) return readWhole(textAt(files, index));
      bytesRead = readSync(this.#open(index), bytes, 0, bytes.length, start);
    } catch (error) {
      throw unreadable(textAt(files, index), error);
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

  /** The descriptor of a file; the one that was read longest ago is closed for it. */
  #open(index: number): number {
    const known = this.#descriptors.get(index);
    if (known === undefined && this.#descriptors.size === maxOpenFiles) {
      const [oldest, descriptor] = this.#descriptors.entries().next().value!;
      this.#descriptors.delete(oldest);
      closeSync(descriptor);
    }
    const descriptor = known ?? openRegularFile(textAt(this.#store.images.files, index)).descriptor;
    this.#descriptors.delete(index);
    this.#descriptors.set(index, descriptor);
    return descriptor;
  }

  async #decode(itemIndex: number): Promise<Image> {
    const { images, decoding, cache } = this.#store;
    const bytes = this.readEncoded(itemIndex);
    const image = await decodeImage(bytes, describeItem(images, itemIndex), decoding);
    keep(cache, itemIndex, image);
    return image;
  }
}
