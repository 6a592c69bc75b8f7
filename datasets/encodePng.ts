/** Compresses samples as PNG, without loss. */
import { PNG } from 'pngjs';
import type { Image } from './dataset.ts';

/** Larger images are left to libvips: it compresses without holding up the thread. */
const maxPixels = 2 ** 16;

/**
 * Small images by pngjs, in a quarter of the time that libvips takes to set itself up; others by
 * libvips (sharp).
 *
 * @returns  the PNG file of an image of 1 or 3 channels; with as many channels
 */
export async function encodePng({ width, height, channels, data }: Image): Promise<Buffer> {
  if (width * height <= maxPixels) {
    const colorType = channels === 1 ? 0 : 2;
    const png = new PNG({ width, height });
    png.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return PNG.sync.write(png, { colorType, inputColorType: colorType, inputHasAlpha: false });
  }
  // Loaded with the first picture: it takes a quarter of a second, and few commands need it.
  const { default: sharp } = await import('sharp');
  const raw = { width, height, channels: channels as 1 | 3 };
  // libvips would write grey as three channels otherwise.
  const image = sharp(data, { raw }).toColourspace(channels === 1 ? 'b-w' : 'srgb');
  return image.png().toBuffer();
}
