/** Compresses samples as PNG, without loss: small images by pngjs, others by libvips (sharp). */
import type { Image } from '../dataset.ts';
import { encodePlainPng } from './plainPng.ts';

/** @returns  the PNG file of an image of 1 or 3 channels; with as many channels */
export async function encodePng(image: Image): Promise<Buffer> {
  const plain = encodePlainPng(image);
  if (plain !== null) return plain;
  // Loaded with the first picture: it takes a quarter of a second, and few commands need it.
  const { default: sharp } = await import('sharp');
  const { width, height, channels, data } = image;
  const raw = { width, height, channels: channels as 1 | 3 };
  // libvips would write grey as three channels otherwise.
  return sharp(data, { raw })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png()
    .toBuffer();
}
