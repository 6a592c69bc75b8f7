/** Compresses samples as PNG, without loss. */
import sharp from 'sharp';
import type { Image } from './dataset.ts';

/** @returns  the PNG file of an image of 1 or 3 channels; with as many channels */
export function encodePng({ width, height, channels, data }: Image): Promise<Buffer> {
  const raw = { width, height, channels: channels as 1 | 3 };
  // libvips would write grey as three channels otherwise.
  const image = sharp(data, { raw }).toColourspace(channels === 1 ? 'b-w' : 'srgb');
  return image.png().toBuffer();
}
