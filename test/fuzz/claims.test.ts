import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { decodeImage } from '../../datasets/images/decodeImage.ts';
import { readClassNames } from '../../datasets/labels/classNames.ts';
import { resolveRunFlags } from '../../src/commands/runFlags.ts';
import { bmp, pngChunk, tiff } from '../datasets/makeFiles.ts';
import { temporaryFolder } from '../losslens.ts';
import { expectCheapRefusal } from './cheapRefusal.ts';

const side = 31_623;
const small = sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } });

function png(width: number, height: number, samples: Buffer): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(samples)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Small images whose headers say that they have 10⁹ pixels. */
async function absurdImages(): Promise<readonly (readonly [string, Buffer])[]> {
  const jpeg = await small.clone().jpeg().toBuffer();
  const frame = jpeg.indexOf(Buffer.of(0xff, 0xc0));
  jpeg.writeUInt16BE(side, frame + 5);
  jpeg.writeUInt16BE(side, frame + 7);
  const webp = await small.clone().webp({ lossless: true }).toBuffer();
  // 14 bits each, less one.
  webp.writeUInt32LE((16_382 | (16_382 << 14)) >>> 0, webp.indexOf('VP8L') + 9);
  const wideTiff = tiff(20, 16, 3, new Uint8Array(960));
  for (const tag of [256, 257]) {
    const entry = Buffer.alloc(8);
    entry.writeUInt16LE(tag);
    entry.writeUInt16LE(4, 2);
    entry.writeUInt32LE(1, 4);
    wideTiff.writeUInt32LE(side, wideTiff.indexOf(entry) + 8);
  }
  const wideBmp = bmp(20, 16, [1, 2, 3]);
  wideBmp.writeInt32LE(side, 18);
  wideBmp.writeInt32LE(-side, 22);
  return [
    ['PNG', png(side, side, Buffer.alloc(10))],
    ['JPEG', jpeg],
    ['WebP', webp],
    ['TIFF', wideTiff],
    ['BMP', wideBmp],
  ];
}

test('images that claim 10⁹ pixels are refused by their headers', async () => {
  for (const [form, bytes] of await absurdImages()) {
    await expectCheapRefusal(
      () => decodeImage(bytes, `a ${form}`, { channels: 3, size: { side: 8, fit: 'crop' } }),
      /^a \w+: (has \d+×\d+ pixels; expected at most 67108864 in all|cannot be decoded)/,
    );
  }
});

test('a BMP of less than its samples is refused before the picture is made', async () => {
  const cut = bmp(20, 16, [1, 2, 3]);
  cut.writeInt32LE(8000, 18);
  cut.writeInt32LE(8000, 22);
  await expectCheapRefusal(
    () => decodeImage(cut, 'a', { channels: 3, size: null }),
    /^a: cannot be decoded \(it ends after 1014 bytes of 192000054\)/,
  );
});

test('drawings are no images', async () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><use href="/x"/></svg>';
  await expectCheapRefusal(
    () => decodeImage(Buffer.from(svg), 'a.png', { channels: 3, size: null }),
    /^a\.png: cannot be decoded .*unsupported image format/,
  );
});

test('a line of labels.txt takes no longer than its length', async () => {
  const folder = temporaryFolder();
  writeFileSync(
    join(folder, 'labels.txt'),
    `0:${' '.repeat(1_000_000)}\u2028x\n1${' '.repeat(1_000_000)}`,
  );
  await expectCheapRefusal(
    () => readClassNames(folder),
    /labels\.txt, line 2: got "1\s.*more char/s,
  );
});

test('no folder makes its own code run: weights.json names what is built in', async () => {
  const folder = temporaryFolder();
  const module = join(folder, 'network.mjs');
  writeFileSync(
    module,
    `import { writeFileSync } from 'node:fs'; writeFileSync('${folder}/ran', '');`,
  );
  writeFileSync(join(folder, 'weights.json'), JSON.stringify({ name: module, classes: 10 }));
  await expectCheapRefusal(
    () => resolveRunFlags(folder, {}),
    /weights\.json: does not say which published weights/,
  );
  assert.ok(!existsSync(join(folder, 'ran')));
});

test('run.json has flags as the command line would', async () => {
  const folder = temporaryFolder();
  const write = (flags: object) =>
    writeFileSync(
      join(folder, 'run.json'),
      JSON.stringify({ flags, precision: {}, dataset: { classes: ['a'] } }),
    );
  write({ batch_size: '7', hm: ['pool1', 'pool2'], label_noise: 0.5, max_number_of_steps: null });
  const { batch_size, hm, label_noise } = await resolveRunFlags(folder, {}, false);
  assert.deepEqual([batch_size, hm, label_noise], [7, ['pool1', 'pool2'], 0.5]);
  for (const flags of [{ batch_size: -1 }, { batch_size: {} }, { engine: 'x' }, { seed: '1e99' }]) {
    write(flags);
    await expectCheapRefusal(() => resolveRunFlags(folder, {}, false), /run\.json: --\w+: got/);
  }
});
