/** The forms of images that are decoded. */
import sharp from 'sharp';
import { decodeImage, readChannels } from '../../datasets/images/decodeImage.ts';
import { encodePng } from '../../datasets/images/encodePng.ts';
import { bmp, tiff } from '../datasets/makeFiles.ts';
import type { Format } from './hostile.ts';

const [width, height] = [20, 16];
const samples = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 251);
const image = sharp(samples, { raw: { width, height, channels: 3 } });

function format(name: string, encode: () => Promise<readonly Buffer[]>): Format {
  return {
    name: `${name} image`,
    open: async (folder) => {
      const where = `${folder}/0`;
      return {
        samples: await encode(),
        read: async (input) => {
          await readChannels(input).catch(() => {});
          for (const channels of [1, 3] as const) {
            await decodeImage(input, where, { channels, size: { side: 8, fit: 'crop' } });
          }
          return decodeImage(input, where, { channels: 3, size: null });
        },
      };
    },
  };
}

/** By the decoders. */
export const imageFormats: readonly Format[] = [
  format('plain PNG', async () => [await encodePng({ width, height, channels: 3, data: samples })]),
  format('PNG', async () => [
    await image.clone().png({ palette: true }).toBuffer(),
    await image.clone().withMetadata().toColourspace('rgb16').png().toBuffer(),
  ]),
  format('JPEG', async () => [
    await image.clone().jpeg().withMetadata({ orientation: 6 }).toBuffer(),
    await image.clone().jpeg({ progressive: true }).toBuffer(),
  ]),
  format('WebP', async () => [
    await image.clone().webp().toBuffer(),
    await image.clone().webp({ lossless: true }).toBuffer(),
  ]),
  format('GIF', async () => [await image.clone().gif().toBuffer()]),
  format('TIFF', async () => [
    tiff(width, height, 3, samples),
    await image.clone().tiff({ compression: 'deflate' }).toBuffer(),
  ]),
  {
    ...format('AVIF', async () => [await image.clone().avif({ effort: 0 }).toBuffer()]),
    maxInputs: 300,
  },
  format('BMP', async () => [bmp(width, height, [200, 100, 50])]),
];
