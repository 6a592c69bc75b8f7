/** How the images of a data set are held, and how any thread reads them. */
import type { Image } from '../dataset.ts';
import type { EncodedStore } from './encodedImages.ts';

/** All images in memory, of one size. */
export interface PixelStore {
  readonly kind: 'pixels';
  /** One image after the other, [size, height, width, channels], 0..255. */
  readonly pixels: Uint8Array<SharedArrayBuffer>;
  readonly shape: readonly [height: number, width: number, channels: number];
}

/** Images in one of the two ways; only plain data and shared memory, so that threads can be given it. */
export type ImageStore = PixelStore | EncodedStore;

/** Reads images on one thread. */
export interface ImageReader {
  /**
   * The image of one item, at once where it is in memory. The bytes may be a view: do not change them.
   *
   * @throws UserError  when it cannot be read or decoded
   */
  read(itemIndex: number): Image | Promise<Image>;
  /** Closes all files. */
  close(): void;
}

/** One image out of many of one size, as a view. */
export function imageAt({ pixels, shape }: PixelStore, itemIndex: number): Image {
  const [height, width, channels] = shape;
  const size = height * width * channels;
  const data = pixels.subarray(itemIndex * size, (itemIndex + 1) * size);
  return { width, height, channels, data };
}

/** A reader for the calling thread. */
export async function openImages(store: ImageStore): Promise<ImageReader> {
  if (store.kind === 'pixels') {
    return { read: (itemIndex) => imageAt(store, itemIndex), close: () => {} };
  }
  // Only who decodes loads the decoders.
  const { EncodedReader } = await import('./encodedReader.ts');
  return new EncodedReader(store);
}
