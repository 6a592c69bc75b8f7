/** Compresses samples as PNG, without loss. */
import type { Image } from './dataset.ts';

/** @returns  the PNG file of an image of 1 or 3 channels; with as many channels */
export async function encodePng({ width, height, channels, data }: Image): Promise<Buffer> {
  // Loaded with the first picture: it takes a quarter of a second, and few commands need it.
  const { default: sharp } = await import('sharp');
  const raw = { width, height, channels: channels as 1 | 3 };
  // libvips would write grey as three channels otherwise.
  const image = sharp(data, { raw }).toColourspace(channels === 1 ? 'b-w' : 'srgb');
  return image.png().toBuffer();
}
