/** Keeps decoded images in memory that threads share, up to a bound. */
import type { Image } from '../dataset.ts';
import type { DecodedCache } from '../imageStore.ts';

/** Places are counted in units of so many bytes. */
const unitBytes = 16;
const maxExtent = 2 ** 16 - 1;

/** Bytes that an image of so many samples takes. */
export function cachedBytes(samples: number): number {
  return unitBytes * Math.ceil(samples / unitBytes);
}

/**
 * An empty cache.
 *
 * @param size      items of the data set
 * @param channels  of all images
 * @param maxBytes  for images; beside them it takes 8 bytes an item
 */
export function makeDecodedCache(size: number, channels: number, maxBytes: number): DecodedCache {
  const units = Math.floor(maxBytes / unitBytes);
  return {
    arena: new Uint8Array(new SharedArrayBuffer(units * unitBytes)),
    place: new Uint32Array(new SharedArrayBuffer(4 * size)),
    extent: new Uint16Array(new SharedArrayBuffer(4 * size)),
    channels,
    taken: new Uint32Array(new SharedArrayBuffer(4)),
  };
}

/** The image of an item as a view, or null when it is not there. */
export function cached(cache: DecodedCache, itemIndex: number): Image | null {
  const place = Atomics.load(cache.place, itemIndex);
  if (place === 0) return null;
  const width = cache.extent[2 * itemIndex]!;
  const height = cache.extent[2 * itemIndex + 1]!;
  const { channels } = cache;
  const start = (place - 1) * unitBytes;
  return {
    width,
    height,
    channels,
    data: cache.arena.subarray(start, start + width * height * channels),
  };
}

/** Keeps an image while there is room. */
export function keep(cache: DecodedCache, itemIndex: number, image: Image): void {
  const { arena, place, extent, taken } = cache;
  const { width, height, data } = image;
  const units = cachedBytes(data.length) / unitBytes;
  const isFull = (first: number) => (first + units) * unitBytes > arena.length;
  if (width > maxExtent || height > maxExtent || Atomics.load(place, itemIndex) !== 0) return;
  if (isFull(Atomics.load(taken, 0))) return;
  const first = Atomics.add(taken, 0, units);
  if (isFull(first)) return;
  arena.set(data, first * unitBytes);
  extent[2 * itemIndex] = width;
  extent[2 * itemIndex + 1] = height;
  // Last, so that whoever sees the place sees the image.
  Atomics.store(place, itemIndex, first + 1);
}
