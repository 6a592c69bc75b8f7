import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import type { DecodeOptions } from '../../../datasets/imageStore.ts';
import { decodeImage } from '../../../datasets/images/decodeImage.ts';
import { isImageFile } from '../../../datasets/images/imageFiles.ts';
import { UserError } from '../../../src/errors.ts';
import { random } from '../../../src/random.ts';
import { toPixels } from '../../../src/views/draw/pixels.ts';
import { bmp, pngChunk, tiff, transparentBmp } from '../makeFiles.ts';

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
      .flatten({ background: 'white' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer();
    assert.deepEqual(await dataOf(bytes), Uint8Array.from(expected), what);
    if (what === 'interlaced' || what === 'deep') assert.deepEqual(await dataOf(bytes), rgb, what);
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

/** Side of the images with transparency, and their quarters: top left, top right, bottom left, bottom right. */
const side = 64;
const quarters = [
  [200, 30, 40, 255],
  // What nobody sees, in two colours.
  [255, 255, 255, 0],
  [0, 0, 0, 0],
  [100, 150, 200, 128],
];
const quartersOf = (pixels: readonly (readonly number[])[]) =>
  Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [i % side, Math.floor(i / side)];
    return pixels[2 * Math.floor((2 * y) / side) + Math.floor((2 * x) / side)]!;
  }).flat();
const rgba = Uint8Array.from(quartersOf(quarters));
const multiplied = Uint8Array.from(
  quartersOf(quarters.map(([r, g, b, a]) => [...[r, g, b].map((v) => (v! * a!) / 255), a!])),
);
const transparent = sharp(rgba, { raw: { width: side, height: side, channels: 4 } });
/** A plain PNG that has one colour stand for transparency (tRNS), as old encoders write it. */
async function keyedPng(): Promise<Buffer> {
  const opaque = quarters.map(([r, g, b, a]) => (a === 0 ? [1, 2, 3] : [r!, g!, b!]));
  const raw = { width: side, height: side, channels: 3 } as const;
  const png = await sharp(Uint8Array.from(quartersOf(opaque)), { raw })
    .png()
    .toBuffer();
  const at = png.indexOf('IDAT') - 4;
  const key = pngChunk('tRNS', Uint8Array.of(0, 1, 0, 2, 0, 3));
  return Buffer.concat([png.subarray(0, at), key, png.subarray(at)]);
}

for (const [form, encode] of Object.entries({
  PNG: () => transparent.clone().png().toBuffer(),
  'PNG with a palette': () => transparent.clone().png({ palette: true }).toBuffer(),
  'PNG of 16 bits': () => transparent.clone().toColourspace('rgb16').png().toBuffer(),
  'PNG with a transparent colour': keyedPng,
  WebP: () => transparent.clone().webp({ lossless: true }).toBuffer(),
  GIF: () => transparent.clone().gif().toBuffer(),
  AVIF: () => transparent.clone().avif({ lossless: true }).toBuffer(),
  TIFF: async () => tiff(side, side, 4, rgba),
  'TIFF of 16 bits': async () =>
    tiff(
      side,
      side,
      4,
      Uint16Array.from(rgba, (v) => 257 * v),
    ),
  'TIFF with alpha multiplied in': async () => tiff(side, side, 4, multiplied, 'associated'),
  BMP: async () => transparentBmp(side, side, rgba),
})) {
  test(`${form}: what is transparent is white, at any size`, async () => {
    const bytes = await encode();
    // GIF and a colour that stands for transparency know no half.
    const isAllOrNothing = form === 'GIF' || form === 'PNG with a transparent colour';
    const half = isAllOrNothing ? [100, 150, 200] : [177, 202, 227];
    const white = [255, 255, 255];
    for (const scale of [0.5, 1, 2]) {
      const size = { side: scale * side, fit: 'crop' } as const;
      const { width, channels, data } = await decodeImage(bytes, 'x', { channels: 3, size });
      assert.deepEqual([width, channels], [scale * side, 3]);
      const [near, far] = [width / 4, (3 * width) / 4];
      const found = [near, far].flatMap((y) =>
        [near, far].map((x) => [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)]),
      );
      for (const [i, expected] of [[200, 30, 40], white, white, half].entries()) {
        expected.forEach((value, c) => {
          assert.ok(Math.abs(found[i]![c]! - value) <= 1, `×${scale}: ${found[i]} is ${expected}`);
        });
      }
    }
  });
}

test('the views draw transparency as it is decoded', async () => {
  const { data } = await decodeImage(await transparent.clone().png().toBuffer(), 'x', {
    channels: 3,
    size: null,
  });
  const drawn = toPixels({ width: side, height: side, channels: 4, data: rgba });
  for (let i = 0; i < side * side; i++) {
    for (let c = 0; c < 3; c++) {
      assert.ok(Math.abs(drawn.rgba[4 * i + c]! - data[3 * i + c]!) <= 1);
    }
  }
});

test('TIFF of 16 bits, JPEG of printing inks and AVIF give 8 bits of grey or RGB', async () => {
  const deep = Uint16Array.from(rgb, (value) => 257 * value);
  assert.deepEqual(await dataOf(tiff(9, 7, 3, deep)), rgb);
  const deepGrey = tiff(
    9,
    7,
    1,
    Uint16Array.from(grey, (value) => 257 * value),
  );
  const color = await dataOf(deepGrey);
  assert.deepEqual(
    color,
    Uint8Array.from({ length: 189 }, (_, i) => grey[Math.floor(i / 3)]!),
  );
  const create = {
    width: 8,
    height: 8,
    channels: 3,
    background: { r: 220, g: 30, b: 30 },
  } as const;
  const inks = await sharp({ create }).toColourspace('cmyk').jpeg().toBuffer();
  assert.equal((await sharp(inks).metadata()).space, 'cmyk');
  const avif = await sharp({ create }).avif().toBuffer();
  for (const bytes of [inks, avif]) {
    const [r, g, b] = await dataOf(bytes);
    assert.ok(r! > 190 && g! < 60 && b! < 60, `${r}, ${g}, ${b}`);
  }
});

async function problemOf(bytes: Buffer, options: Partial<DecodeOptions> = {}): Promise<string> {
  const error = await dataOf(bytes, options).then(
    () => assert.fail('was decoded'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof UserError, `${error}`);
  return error.message;
}

test('an image of too many pixels is refused with its size and the flag that allows it', async () => {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(9000);
  header.writeUInt32BE(8000, 4);
  header.set([8, 2], 8);
  const photograph = Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', Buffer.alloc(8)),
  ]);
  assert.equal(
    await problemOf(photograph),
    'x: has 9000×8000 pixels; expected at most 67108864 in all. Give --max_image_megapixels=69 or more, or make the image smaller.',
  );
  assert.match(await problemOf(photograph, { maxPixels: 69 * 2 ** 20 }), /cannot be decoded/);
  assert.match(await problemOf(bmp(9, 7, []), { maxPixels: 62 }), /has 9×7 pixels; .* at most 62/);
  assert.equal((await dataOf(bmp(9, 7, []), { maxPixels: 63 })).length, 189);
});

test('an empty file is called empty', async () => {
  assert.equal(await problemOf(Buffer.alloc(0)), 'x: is empty; expected an image.');
});

test('files are images by their ending, in any case', () => {
  const names = ['a.JFIF', 'a.tif', 'a.TIFF', 'a.avif', 'a.b.jpg', 'a.png'];
  assert.deepEqual(names.filter(isImageFile), names);
  assert.deepEqual(['a', 'tif', 'a.svg', 'a.heic', 'a.tif.gz'].filter(isImageFile), []);
});

test('what data sets do not have is not decoded: drawings, tables, portable pixmaps', async () => {
  for (const bytes of [
    '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>',
    '2 2\n1 2\n3 4\n',
    'P2\n2 2\n255\n1 2\n3 4\n',
  ]) {
    await assert.rejects(
      decodeImage(Buffer.from(bytes), 'x', { channels: 3, size: null }),
      /^UserError: x: cannot be decoded \(Input buffer contains unsupported image format\)/,
    );
  }
});

test('a thread that begins to decode does not disturb those that do already', async () => {
  const bytes = await inColor.jpeg().toBuffer();
  let isDone = false;
  const decode = async () => {
    while (!isDone) await decodeImage(bytes, 'x', { channels: 3, size: null });
  };
  const decoding = Promise.all([decode(), decode(), decode()]);
  // What a thread does first, again and again: where it lets go of the loaders, one of these fails.
  const module = new URL('../../../datasets/images/decodeImage.js', import.meta.url);
  for (let i = 0; i < 300; i++) await import(`${module}?${i}`);
  isDone = true;
  await decoding;
});
