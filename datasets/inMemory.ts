/** Data sets that are held in memory as bytes, shared with the threads that prepare batches. */
import type { Dataset, Image } from './dataset.ts';

/** A data set of images of one size. */
export interface InMemoryDataset extends Dataset {
  /** All images one after the other, [size, height, width, channels], 0..255. */
  readonly pixels: Uint8Array<SharedArrayBuffer>;
}

/** One image out of many of one size, as a view. */
export function imageAt(
  pixels: Uint8Array,
  [height, width, channels]: readonly [number, number, number],
  itemIndex: number,
): Image {
  const size = height * width * channels;
  const data = pixels.subarray(itemIndex * size, (itemIndex + 1) * size);
  return { width, height, channels, data };
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
  parts: Pick<Dataset, 'name' | 'split' | 'classNames' | 'imageShape' | 'labels'> & {
    readonly pixels: Uint8Array;
  },
): InMemoryDataset {
  const shared = inSharedMemory(parts.pixels);
  return {
    ...parts,
    size: parts.labels.length,
    pixels: shared,
    image: (itemIndex) => imageAt(shared, parts.imageShape, itemIndex),
  };
}
