import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { loadMnist } from '../../../datasets/formats/mnist.ts';
import { UserError } from '../../../src/errors.ts';
import { realData } from '../realData.ts';
import { temporaryFolder } from '../temporaryFolder.ts';

const imagesFile = 'train-images-idx3-ubyte';
const labelsFile = 'train-labels-idx1-ubyte';

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, 4 * i);
  });
  return bytes;
}

/** Three images, whose samples count upwards, with the labels 7, 0 and 9. */
const images = Buffer.concat([
  words(2051, 3, 28, 28),
  Buffer.from(Uint8Array.from({ length: 3 * 784 }, (_, i) => i)),
]);
const labels = Buffer.concat([words(2049, 3), Buffer.from([7, 0, 9])]);

async function mnistFolder(t: TestContext, files: Readonly<Record<string, Buffer>>) {
  const folder = await temporaryFolder(t);
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  return folder;
}

/** Changes some bytes of a copy. */
function changed(bytes: Buffer, offset: number, replacement: Uint8Array): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(replacement, offset);
  return copy;
}

async function expectError(t: TestContext, files: Readonly<Record<string, Buffer>>, error: RegExp) {
  const folder = await mnistFolder(t, files);
  await assert.rejects(loadMnist(folder, 'train'), (thrown) => {
    assert.ok(thrown instanceof UserError);
    assert.match(thrown.message, error);
    assert.doesNotMatch(thrown.message, /\n/);
    return true;
  });
}

for (const compressed of [false, true]) {
  test(`reads ${compressed ? 'gzipped' : 'plain'} IDX files in their order`, async (t) => {
    const pack = (bytes: Buffer) => (compressed ? gzipSync(bytes) : bytes);
    const suffix = compressed ? '.gz' : '';
    const folder = await mnistFolder(t, {
      [imagesFile + suffix]: pack(images),
      [labelsFile + suffix]: pack(labels),
    });
    const dataset = await loadMnist(folder, 'train');
    assert.equal(dataset.size, 3);
    assert.deepEqual(dataset.imageShape, [28, 28, 1]);
    assert.deepEqual([...dataset.labels], [7, 0, 9]);
    assert.equal(dataset.classNames[6], 'six');
    const { width, height, channels, data } = await dataset.image(1);
    assert.deepEqual([width, height, channels, data.length], [28, 28, 1, 784]);
    assert.deepEqual([data[0], data[783]], [784 % 256, (2 * 784 - 1) % 256]);
    assert.ok(dataset.pixels.buffer instanceof SharedArrayBuffer);
  });
}

test('names both files that were looked for when one is missing', async (t) => {
  await expectError(
    t,
    { [imagesFile]: images },
    /train-labels-idx1-ubyte: found neither this file nor train-labels-idx1-ubyte\.gz/,
  );
});

test('names file, offset, found and expected of a wrong magic number', async (t) => {
  await expectError(
    t,
    { [imagesFile]: changed(images, 0, words(2049)), [labelsFile]: labels },
    /train-images-idx3-ubyte, byte 0: found magic number 2049; expected 2051\./,
  );
  await expectError(
    t,
    { [imagesFile]: images, [labelsFile]: changed(labels, 0, words(2051)) },
    /train-labels-idx1-ubyte, byte 0: found magic number 2051; expected 2049\./,
  );
});

test('names the offset of a wrong image size and of a label count that differs', async (t) => {
  await expectError(
    t,
    { [imagesFile]: changed(images, 8, words(32)), [labelsFile]: labels },
    /byte 8: found number of rows 32; expected 28\./,
  );
  await expectError(
    t,
    { [imagesFile]: images, [labelsFile]: changed(labels, 4, words(4)) },
    /train-labels-idx1-ubyte, byte 4: found number of labels 4; expected 3\./,
  );
});

test('names where a file ends too early or goes on too long', async (t) => {
  await expectError(
    t,
    { [imagesFile]: images.subarray(0, 6), [labelsFile]: labels },
    /byte 6: the file ends; expected number of images at byte 4\./,
  );
  await expectError(
    t,
    { [imagesFile]: images.subarray(0, 2000), [labelsFile]: labels },
    /byte 2000: found 2000 bytes in all; expected 2368\./,
  );
  await expectError(
    t,
    { [imagesFile]: images, [labelsFile]: Buffer.concat([labels, labels]) },
    /train-labels-idx1-ubyte, byte 11: found 22 bytes in all; expected 11\./,
  );
});

test('names the offset of the first label above 9', async (t) => {
  await expectError(
    t,
    { [imagesFile]: images, [labelsFile]: changed(labels, 9, Uint8Array.of(10)) },
    /train-labels-idx1-ubyte, byte 9: found label 10; expected 0 to 9\./,
  );
});

test('says that a gzip file is not intact, with its length', async (t) => {
  const archive = gzipSync(images);
  await expectError(
    t,
    { [`${imagesFile}.gz`]: archive.subarray(0, archive.length - 9), [labelsFile]: labels },
    /train-images-idx3-ubyte\.gz: is no intact gzip file .* of \d+ bytes/,
  );
  await expectError(
    t,
    { [`${imagesFile}.gz`]: images, [labelsFile]: labels },
    /train-images-idx3-ubyte\.gz: is no intact gzip file/,
  );
});

test('says when a file cannot be read', async (t) => {
  const folder = await mnistFolder(t, { [labelsFile]: labels });
  await mkdir(join(folder, imagesFile));
  await assert.rejects(loadMnist(folder, 'train'), /train-images-idx3-ubyte: cannot be read/);
});

test('reads the real MNIST', async (t) => {
  const folder = realData(t, 'mnist');
  if (folder === null) return;
  const dataset = await loadMnist(folder, 'test');
  assert.equal(dataset.size, 10_000);
  const counts = new Array<number>(10).fill(0);
  for (const label of dataset.labels) counts[label]!++;
  // The class counts that every description of MNIST gives.
  assert.deepEqual(counts, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
  assert.deepEqual([...dataset.labels.subarray(0, 5)], [7, 2, 1, 0, 4]);
});
