/**
 * Decodes image files to samples: PNG, JPEG, WebP, GIF by libvips (sharp), BMP by Skia, and the plain
 * PNG of small images by pngjs.
 */
import sharp from 'sharp';
import { UserError } from '../../src/errors.ts';
import type { Image } from '../dataset.ts';
import type { DecodeOptions } from '../imageStore.ts';
import { decodePlainPng } from './plainPng.ts';

/** Larger images are refused: a few bytes can stand for a picture that fills the memory. */
const maxPixels = 2 ** 26;

// Images are read once: libvips need not remember them. Several are decoded at a time, each on one thread.
sharp.cache(false);
sharp.concurrency(1);

type Canvas = typeof import('@napi-rs/canvas');

function isBmp(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, 2) === 'BM';
}

/** Rewrites a BMP, which libvips does not read, as PNG. */
async function bmpToPng(bytes: Buffer, { createCanvas, loadImage }: Canvas): Promise<Buffer> {
  const bmp = await loadImage(bytes);
  if (bmp.width * bmp.height > maxPixels) throw new Error('Input image exceeds pixel limit');
  const canvas = createCanvas(bmp.width, bmp.height);
  canvas.getContext('2d').drawImage(bmp, 0, 0);
  return canvas.encode('png');
}

/** 1 when an image is grey, else 3, as its header says. @throws Error when it has no intact header */
export async function readChannels(bytes: Buffer): Promise<1 | 3> {
  if (isBmp(bytes)) return 3;
  const { channels } = await sharp(bytes, { limitInputPixels: maxPixels }).metadata();
  return channels < 3 ? 1 : 3;
}

/**
 * Decodes one image, of an animation the first frame, upright as its EXIF orientation says.
 *
 * @param where  names the image in errors
 * @throws UserError  when the bytes are no intact image, or one of more than 2²⁶ pixels
 */
export async function decodeImage(
  bytes: Buffer,
  where: string,
  { channels, size }: DecodeOptions,
): Promise<Image> {
  const plain = decodePlainPng(bytes, { channels, size });
  if (plain !== null) return plain;
  // Loaded for BMP alone, which is rare; outside, for that it does not load is not the image's fault.
  const canvas = isBmp(bytes) ? await import('@napi-rs/canvas') : undefined;
  try {
    const image = sharp(canvas === undefined ? bytes : await bmpToPng(bytes, canvas), {
      limitInputPixels: maxPixels,
    })
      .autoOrient()
      .removeAlpha();
    image.toColourspace(channels === 1 ? 'b-w' : 'srgb');
    if (size?.fit === 'crop') image.resize(size.side, size.side, { fit: 'cover' });
    if (size?.fit === 'shrink') {
      image.resize(size.side, size.side, { fit: 'outside', withoutEnlargement: true });
    }
    const { data, info } = await image
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, channels: info.channels, data };
  } catch (error) {
    const reason = (error as Error).message.trim().replaceAll('\n', ', ');
    throw new UserError(`${where}: cannot be decoded (${reason}); expected an intact image.`);
  }
}
