import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import type { DecodeOptions } from '../../../datasets/imageStore.ts';
import { decodeImage } from '../../../datasets/images/decodeImage.ts';
import { random } from '../../../src/random.ts';

const next = random(7);
/** Noise of 9×7 pixels. */
const samples = (channels: number) =>
  Uint8Array.from({ length: 63 * channels }, () => Math.floor(256 * next()));
const rgb = samples(3);
const grey = samples(1);
const inColor = sharp(rgb, { raw: { width: 9, height: 7, channels: 3 } });
const inGrey = sharp(grey, { raw: { width: 9, height: 7, channels: 1 } }).toColourspace('b-w');

async function dataOf(bytes: Buffer, options: Partial<DecodeOptions> = {}): Promise<Uint8Array> {
  const image = await decodeImage(bytes, 'x', { channels: 3, size: null, ...options });
  assert.equal(image.data.length, image.width * image.height * image.channels);
  return Uint8Array.from(image.data);
}

test('PNG in colour and grey gives every sample, in the channels that are wanted', async () => {
  const color = await inColor.png().toBuffer();
  assert.deepEqual(await dataOf(color), rgb);
  const plain = await inGrey.png().toBuffer();
  assert.deepEqual(await dataOf(plain, { channels: 1 }), grey);
  assert.deepEqual(
    await dataOf(plain),
    Uint8Array.from({ length: 189 }, (_, i) => grey[Math.floor(i / 3)]!),
  );
  const turned = await dataOf(color, { channels: 1 });
  const expected = await sharp(color).toColourspace('b-w').raw().toBuffer();
  assert.deepEqual(turned, Uint8Array.from(expected));
});

test('PNG with a palette, 16 bits, interlaced or transparent is what libvips makes of it', async () => {
  const transparent = inColor.clone().ensureAlpha(0.3);
  for (const [what, bytes] of Object.entries({
    interlaced: await inColor.clone().png({ progressive: true }).toBuffer(),
    palette: await inColor.clone().png({ palette: true, colours: 8 }).toBuffer(),
    transparent: await transparent.png().toBuffer(),
    deep: await inColor.clone().toColourspace('rgb16').png().toBuffer(),
  })) {
    const expected = await sharp(bytes)
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer();
    assert.deepEqual(await dataOf(bytes), Uint8Array.from(expected), what);
    if (what !== 'palette') assert.deepEqual(await dataOf(bytes), rgb, what);
  }
});

test('a photograph lies as its EXIF orientation says', async () => {
  const turned = await inColor.clone().withMetadata({ orientation: 6 }).png().toBuffer();
  const image = await decodeImage(turned, 'x', { channels: 3, size: null });
  assert.deepEqual([image.width, image.height], [7, 9]);
});

test('resizes to a square, or shrinks to the shorter side and never enlarges', async () => {
  const bytes = await inColor.png().toBuffer();
  const extent = async (fit: 'crop' | 'shrink', side: number) => {
    const { width, height } = await decodeImage(bytes, 'x', { channels: 3, size: { side, fit } });
    return [width, height];
  };
  assert.deepEqual(await extent('crop', 5), [5, 5]);
  assert.deepEqual(await extent('crop', 20), [20, 20]);
  assert.deepEqual(await extent('shrink', 20), [9, 7]);
  assert.deepEqual(await extent('shrink', 7), [9, 7]);
  assert.deepEqual(await extent('shrink', 5), [6, 5]);
});
