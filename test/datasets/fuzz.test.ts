/**
 * Damages small files of every form at random: what reads them gives items or one clear error.
 * LOSSLENS_FUZZ_FACTOR multiplies the number of damaged files.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { writeTfrecords } from '../../datasets/convert.ts';
import { loadCifar10 } from '../../datasets/formats/cifar10.ts';
import { loadMnist } from '../../datasets/formats/mnist.ts';
import { decodeImage } from '../../datasets/images/decodeImage.ts';
import { readClassNames } from '../../datasets/labels/classNames.ts';
import { applyLabelsFile } from '../../datasets/labels/labelsFile.ts';
import { UserError } from '../../src/errors.ts';
import { random } from '../../src/random.ts';
import { loadImages } from './loadImages.ts';
import { bmp, cifarRecord, idx, pickledBatch } from './makeFiles.ts';
import { pixelsOf } from './pixelsOf.ts';
import { temporaryFolder } from './temporaryFolder.ts';

const factor = Number(process.env['LOSSLENS_FUZZ_FACTOR'] ?? 1);
/** More than all these small files together could need. */
const maxGrowthBytes = 400 * 2 ** 20;
const maxMsPerFile = 3000;

/** Changes one to four places: bytes, bits, lengths, pieces that are cut, doubled or swapped. */
function damage(bytes: Buffer, next: () => number): Buffer {
  let damaged = Buffer.from(bytes);
  const below = (n: number) => Math.floor(next() * n);
  for (let places = 1 + below(4); places > 0; places--) {
    // Headers are short: half of the places are in the first 64 bytes.
    const at = below(next() < 0.5 ? Math.min(64, damaged.length) : damaged.length);
    const end = Math.min(damaged.length, at + 1 + below(32));
    const piece = damaged.subarray(at, end);
    switch (below(6)) {
      case 0:
        damaged[at] = below(256);
        break;
      case 1:
        damaged[at]! ^= 1 << below(8);
        break;
      case 2:
        damaged.fill(next() < 0.5 ? 0xff : 0, at, Math.min(damaged.length, at + 4));
        break;
      case 3:
        damaged = Buffer.from(damaged.subarray(0, at));
        break;
      case 4:
        damaged = Buffer.concat([damaged.subarray(0, at), damaged.subarray(end)]);
        break;
      default:
        damaged = Buffer.concat([damaged.subarray(0, end), piece, damaged.subarray(end)]);
    }
  }
  return damaged;
}

/**
 * Has damaged files read.
 *
 * @param read  reads what lies at the path, all of it
 */
async function fuzz(
  t: TestContext,
  rounds: number,
  path: string,
  read: () => Promise<unknown>,
): Promise<void> {
  const bytes = await readFile(path);
  await read();
  const next = random(rounds, bytes.length);
  const before = process.memoryUsage().rss;
  let errors = 0;
  for (let round = 0; round < rounds * factor; round++) {
    const damaged = damage(bytes, next);
    await writeFile(path, damaged);
    const startMs = performance.now();
    try {
      await read();
    } catch (error) {
      if (!(error instanceof UserError)) {
        await writeFile(`/tmp/losslens-fuzz-${round}`, damaged);
        assert.fail(
          `round ${round} (kept as /tmp/losslens-fuzz-${round}): ${(error as Error).stack}`,
        );
      }
      assert.match(error.message, /^\S.{20,}\.$/s);
      assert.doesNotMatch(error.message, /\n/);
      errors++;
    }
    const ms = performance.now() - startMs;
    assert.ok(ms < maxMsPerFile, `round ${round}: ${ms} ms`);
  }
  const growth = process.memoryUsage().rss - before;
  assert.ok(growth < maxGrowthBytes, `${growth} bytes`);
  t.diagnostic(`${errors} of ${rounds * factor} are errors`);
  assert.ok(errors > 0);
}

for (const suffix of ['', '.gz']) {
  for (const damaged of ['images', 'labels']) {
    test(`IDX ${damaged}${suffix}`, async (t) => {
      const folder = await temporaryFolder(t);
      const pack = (bytes: Buffer) => (suffix === '' ? bytes : gzipSync(bytes));
      const images = join(folder, `train-images-idx3-ubyte${suffix}`);
      const labels = join(folder, `train-labels-idx1-ubyte${suffix}`);
      await writeFile(images, pack(idx([2, 28, 28], Buffer.alloc(1568, 7))));
      await writeFile(labels, pack(idx([2], Buffer.of(3, 4))));
      await fuzz(t, 300, damaged === 'images' ? images : labels, () => loadMnist(folder, 'train'));
    });
  }
}

test('CIFAR-10, binary', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'test_batch.bin');
  await writeFile(path, Buffer.concat([cifarRecord(1), cifarRecord(2)]));
  await fuzz(t, 200, path, () => loadCifar10(folder, 'test'));
});

test('CIFAR-10, pickled, with a numpy array', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'test_batch');
  await writeFile(path, pickledBatch([cifarRecord(1), cifarRecord(2)]));
  await fuzz(t, 800, path, () => loadCifar10(folder, 'test'));
});

test('TFRecords', async (t) => {
  const folder = await temporaryFolder(t);
  await writeTfrecords(makeDigits('train', 3), { folder, numShards: 1 });
  const read = async () => pixelsOf(await loadImages({ name: 'digits', folder, split: 'train' }));
  await fuzz(t, 300, join(folder, 'digits_train.tfrecord'), read);
});

test('labels.txt', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'labels.txt');
  await writeFile(path, '0:cat\n1:dog\n2:a bird\n');
  await fuzz(t, 300, path, () => readClassNames(folder));
});

test('a labels file', async (t) => {
  const path = join(await temporaryFolder(t), 'labels.csv');
  await writeFile(path, 'item,label,decision,note\n0,one,,\n3,"two",relabel,"a, b"\n4,,drop,x\n');
  const dataset = makeDigits('train', 10);
  await fuzz(t, 300, path, () => applyLabelsFile(dataset, path));
});

const image = sharp(
  Uint8Array.from({ length: 20 * 16 * 3 }, (_, i) => (i * 37) % 251),
  { raw: { width: 20, height: 16, channels: 3 } },
);
for (const [extension, rounds, encode] of [
  ['png', 400, () => image.clone().png().toBuffer()],
  ['jpg', 300, () => image.clone().jpeg().toBuffer()],
  ['webp', 300, () => image.clone().webp().toBuffer()],
  ['gif', 300, () => image.clone().gif().toBuffer()],
  ['bmp', 300, async () => bmp(20, 16, [200, 100, 50])],
] as const) {
  test(`${extension} images`, async (t) => {
    const path = join(await temporaryFolder(t), `0.${extension}`);
    await writeFile(path, await encode());
    const read = async () =>
      decodeImage(await readFile(path), path, { channels: 3, size: { side: 8, fit: 'crop' } });
    await fuzz(t, rounds, path, read);
  });
}
