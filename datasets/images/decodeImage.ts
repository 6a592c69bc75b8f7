/**
 * Decodes image files to samples: PNG, JPEG, WebP, GIF, TIFF and AVIF by libvips (sharp), BMP by Skia,
 * and the plain PNG of small images by pngjs.
 */
import sharp from 'sharp';
import { excerpt, UserError } from '../../src/errors.ts';
import type { Image } from '../dataset.ts';
import type { DecodeOptions } from '../imageStore.ts';
import { decodePlainPng } from './plainPng.ts';

/** Larger images are refused: a few bytes can stand for a picture that fills the memory. */
const defaultMaxPixels = 2 ** 26;
/** What shows where an image is transparent. */
const background = '#ffffff';

// Images are read once: libvips need not remember them. Several are decoded at a time, each on one thread.
sharp.cache(false);
sharp.concurrency(1);
// Of all that libvips knows only what data sets have: a drawing (SVG) is a program that may never end. The others
// are blocked by name, as blocking all and then unblocking some would fail decoding that other threads have begun.
sharp.block({
  operation: [
    ...['Analyze', 'Csv', 'DcRaw', 'Fits', 'Jp2k', 'Jxl', 'Magick', 'Magick7', 'Mat', 'Matrix'],
    ...['Nifti', 'Openexr', 'Openslide', 'Pdf', 'Ppm', 'Rad', 'Raw', 'Svg', 'Uhdr', 'Vips'],
  ].map((form) => `VipsForeignLoad${form}`),
});

type Canvas = typeof import('@napi-rs/canvas');

function isBmp(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, 2) === 'BM';
}

/** Says of an image that it is too large, and what would allow it. */
function tooLarge(where: string, width: number, height: number, maxPixels: number): UserError {
  const megapixels = Math.ceil((width * height) / 2 ** 20);
  return new UserError(
    `${where}: has ${width}×${height} pixels; expected at most ${maxPixels} in all. Give --max_image_megapixels=${megapixels} or more, or make the image smaller.`,
  );
}

/** What the header of a BMP says. */
interface BmpHeader {
  readonly width: number;
  readonly height: number;
  /** That its samples take at least; 0 where they are compressed. */
  readonly sampleBytes: number;
  /** First byte of the samples. */
  readonly start: number;
}

/** @returns  undefined where the header ends too early */
function readBmpHeader(bytes: Buffer): BmpHeader | undefined {
  if (bytes.length < 34) return undefined;
  // The oldest header, of 12 bytes, has 16 bits for each; a negative height means rows from the top.
  const isOldest = bytes.readUInt32LE(14) === 12;
  const width = isOldest ? bytes.readUInt16LE(18) : Math.abs(bytes.readInt32LE(18));
  const height = isOldest ? bytes.readUInt16LE(20) : Math.abs(bytes.readInt32LE(22));
  const bits = bytes.readUInt16LE(isOldest ? 24 : 28);
  const compression = isOldest ? 0 : bytes.readUInt32LE(30);
  // 0 is none, 3 and 6 are none with a place for each colour in a pixel.
  const isPlain = [0, 3, 6].includes(compression);
  const sampleBytes = isPlain ? Math.ceil((width * bits) / 32) * 4 * height : 0;
  return { width, height, sampleBytes, start: bytes.readUInt32LE(10) };
}

/** Rewrites a BMP, which libvips does not read, as PNG. */
async function bmpToPng(
  bytes: Buffer,
  where: string,
  maxPixels: number,
  { createCanvas, loadImage }: Canvas,
): Promise<Buffer> {
  const header = readBmpHeader(bytes);
  if (header === undefined) throw new Error('the header ends');
  const { width, height, sampleBytes, start } = header;
  if (width * height > maxPixels) throw tooLarge(where, width, height, maxPixels);
  // Skia makes the whole picture first, however little of it there is.
  if (start + sampleBytes > bytes.length) {
    throw new Error(`it ends after ${bytes.length} bytes of ${start + sampleBytes}`);
  }
  const bmp = await loadImage(bytes);
  const canvas = createCanvas(bmp.width, bmp.height);
  canvas.getContext('2d').drawImage(bmp, 0, 0);
  return canvas.encode('png');
}

/** 1 when an image is grey, else 3, as its header says. @throws Error when it has no intact header */
export async function readChannels(bytes: Buffer): Promise<1 | 3> {
  if (isBmp(bytes)) return 3;
  const { channels } = await sharp(bytes, { limitInputPixels: false }).metadata();
  return channels < 3 ? 1 : 3;
}

/**
 * Decodes one image, of several in one file the first, upright as its EXIF orientation says, on white
 * where it is transparent.
 *
 * @param where  names the image in errors
 * @throws UserError  when the bytes are no intact image, or one of too many pixels
 */
export async function decodeImage(
  bytes: Buffer,
  where: string,
  { channels, size, maxPixels = defaultMaxPixels }: DecodeOptions,
): Promise<Image> {
  if (bytes.length === 0) throw new UserError(`${where}: is empty; expected an image.`);
  const plain = decodePlainPng(bytes, { channels, size });
  if (plain !== null) return plain;
  // Loaded for BMP alone, which is rare; outside, for that it does not load is not the image's fault.
  const canvas = isBmp(bytes) ? await import('@napi-rs/canvas') : undefined;
  try {
    const encoded = canvas === undefined ? bytes : await bmpToPng(bytes, where, maxPixels, canvas);
    const image = sharp(encoded, { limitInputPixels: maxPixels })
      .autoOrient()
      // Before an image is resized: what is transparent has a colour that nobody sees.
      .flatten({ background });
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
    if (error instanceof UserError) throw error;
    const reason = excerpt((error as Error).message.trim().replaceAll('\n', ', '));
    if (reason.includes('exceeds pixel limit')) {
      const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
      throw tooLarge(where, width, height, maxPixels);
    }
    throw new UserError(`${where}: cannot be decoded (${reason}); expected an intact image.`);
  }
}
