/** Data sets that are held in memory as bytes, shared with the threads that prepare batches. */
import { allItems, type ImageDataset } from './dataset.ts';
import type { PixelStore } from './imageStore.ts';
import { imageAt } from './images/imageReader.ts';

/** A data set of images of one size. */
export interface InMemoryDataset extends ImageDataset {
  readonly imageShape: readonly [height: number, width: number, channels: number];
  readonly images: PixelStore;
  /** All images one after the other, [size, height, width, channels], 0..255. */
  readonly pixels: Uint8Array<SharedArrayBuffer>;
}

function inSharedMemory(bytes: Uint8Array): Uint8Array<SharedArrayBuffer> {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes as Uint8Array<SharedArrayBuffer>;
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

/**
 * Puts a data set together.
 *
 * @param pixels  all images one after the other; copied unless they are in shared memory
 */
export function inMemory(
  parts: Pick<InMemoryDataset, 'name' | 'split' | 'classNames' | 'imageShape' | 'labels'> & {
    readonly pixels: Uint8Array;
  },
): InMemoryDataset {
  const pixels = inSharedMemory(parts.pixels);
  const images: PixelStore = { kind: 'pixels', pixels, shape: parts.imageShape };
  const size = parts.labels.length;
  return {
    ...parts,
    kind: 'images',
    size,
    items: allItems(size),
    pixels,
    images,
    image: async (itemIndex) => imageAt(images, itemIndex),
  };
}
