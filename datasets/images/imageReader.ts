/** Lets any thread read the images of a data set, however they are held. */
import type { Image, ImageReader } from '../dataset.ts';
import type { ImageStore, PixelStore } from '../imageStore.ts';

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
