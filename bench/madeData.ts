/** Data for benches, made: as large as the real ones, with what takes as long to read and to compress. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { random } from '../src/random.ts';

/** Bytes that are no noise, which would take longer to compress than pictures do. */
function stripes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = i >> 2;
  return bytes;
}

/** Writes 60,000 images and their labels in the form of MNIST. */
export function writeMnist(folder: string): void {
  const count = 60_000;
  const header = (...words: number[]) => {
    const bytes = Buffer.alloc(4 * words.length);
    words.forEach((word, i) => {
      bytes.writeUInt32BE(word, 4 * i);
    });
    return bytes;
  };
  const labels = Uint8Array.from({ length: count }, (_, item) => item % 10);
  const images = [header(0x803, count, 28, 28), stripes(count * 784)];
  writeFileSync(join(folder, 'train-images-idx3-ubyte'), Buffer.concat(images));
  const labelBytes = Buffer.concat([header(0x801, count), labels]);
  writeFileSync(join(folder, 'train-labels-idx1-ubyte'), labelBytes);
}

/** Writes 50,000 images in the binary form of CIFAR-10. */
export function writeCifar10(folder: string): void {
  const bytes = stripes(10_000 * 3073);
  for (let item = 0; item < 10_000; item++) bytes[item * 3073] = item % 10;
  for (let i = 1; i <= 5; i++) writeFileSync(join(folder, `data_batch_${i}.bin`), bytes);
}

/** Of the landscape that photos are windows of, in pixels. */
const landscapeSide = 2048;
/** Pixels from one random value to the next, from the coarsest detail to the finest. */
const grains = [512, 256, 128, 64, 32, 16, 8, 4, 2, 1] as const;

/**
 * A square RGB landscape whose detail has as much contrast at every grain as photographs have: noise of
 * amplitudes that fall with the frequency (1/f), much of it alike in all three channels.
 */
async function makeLandscape(): Promise<Buffer> {
  const next = random(1);
  const sums = new Float32Array(3 * landscapeSide ** 2).fill(128);
  for (const grain of grains) {
    const side = landscapeSide / grain;
    const noise = Buffer.alloc(3 * side * side);
    for (let i = 0; i < noise.length; i += 3) {
      const grey = 256 * next();
      for (let c = 0; c < 3; c++) noise[i + c] = 0.75 * grey + 64 * next();
    }
    const detail = await sharp(noise, { raw: { width: side, height: side, channels: 3 } })
      .resize(landscapeSide, landscapeSide, { kernel: 'cubic' })
      .raw()
      .toBuffer();
    const amplitude = 0.13 * grain ** 0.33;
    for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! + amplitude * (detail[i]! - 128);
  }
  return Buffer.from(Uint8ClampedArray.from(sums));
}

/** Width and height of a photo in pixels. */
export type PhotoSize = readonly [width: number, height: number];

/**
 * Writes JPEG files like photographs, of quality 90, as FOLDER/CLASS/NUMBER.jpg with two classes.
 *
 * @param sizes  of the photos, one after the other
 */
export async function writePhotos(
  folder: string,
  count: number,
  sizes: readonly PhotoSize[],
): Promise<void> {
  const next = random(2);
  const pixels = await makeLandscape();
  const raw = { width: landscapeSide, height: landscapeSide, channels: 3 } as const;
  for (const name of ['hill', 'lake']) mkdirSync(join(folder, name), { recursive: true });
  for (let i = 0; i < count; i++) {
    const [width, height] = sizes[i % sizes.length]!;
    const left = Math.floor(next() * (landscapeSide - width));
    const top = Math.floor(next() * (landscapeSide - height));
    const name = `${String(i).padStart(5, '0')}.jpg`;
    await sharp(pixels, { raw })
      .extract({ left, top, width, height })
      .jpeg({ quality: 90 })
      .toFile(join(folder, i % 4 < 2 ? 'hill' : 'lake', name));
  }
}
