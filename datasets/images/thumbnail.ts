/** Small pictures of items as data URLs, for pages that hold everything themselves. */
import type { Image } from '../dataset.ts';
import { encodePng } from './encodePng.ts';

/** Sides up to this are kept pixel by pixel, without loss. */
const losslessSide = 64;

/** A picture in a page. */
export interface Thumbnail {
  /** `data:image/…;base64,…` */
  readonly url: string;
  readonly width: number;
  readonly height: number;
}

/** @returns the image, reduced to a side of `maxSide` pixels where it is larger */
export async function makeThumbnail(image: Image, maxSide: number): Promise<Thumbnail> {
  const { width, height, channels, data } = image;
  const side = Math.max(width, height);
  const dataUrl = (type: string, bytes: Buffer) =>
    `data:image/${type};base64,${bytes.toString('base64')}`;
  if (side <= losslessSide) return { url: dataUrl('png', await encodePng(image)), width, height };
  const scale = Math.min(1, maxSide / side);
  const size = { width: Math.round(width * scale) || 1, height: Math.round(height * scale) || 1 };
  const raw = { width, height, channels: channels as 1 | 3 };
  const { default: sharp } = await import('sharp');
  const bytes = await sharp(data, { raw }).resize(size).webp({ quality: 85 }).toBuffer();
  return { url: dataUrl('webp', bytes), ...size };
}
