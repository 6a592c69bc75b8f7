import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeDigits } from '../../../datasets/builtIn/digits.ts';
import { makeShapes } from '../../../datasets/builtIn/shapes.ts';
import { writeTfrecords } from '../../../datasets/convert.ts';
import { expectImages } from '../../../datasets/dataset.ts';
import { loadDataset } from '../../../datasets/factory.ts';
import { UsageError } from '../../../src/errors.ts';
import { temporaryFolder } from '../temporaryFolder.ts';

const makers = [
  { name: 'digits', make: makeDigits, shape: [28, 28, 1] },
  { name: 'shapes', make: makeShapes, shape: [32, 32, 3] },
] as const;

for (const { name, make, shape } of makers) {
  const dataset = make('train', 400);

  test(`${name} are the same each time, and begin the same whatever their number`, () => {
    const again = make('train', 100);
    assert.deepEqual(again.pixels, dataset.pixels.slice(0, 100 * size(shape)));
    assert.deepEqual(again.labels, dataset.labels.slice(0, 100));
  });

  test(`${name} of the splits differ`, () => {
    assert.notDeepEqual(make('test', 10).pixels, dataset.pixels.subarray(0, 10 * size(shape)));
  });

  test(`${name} have ten classes of about equal size`, () => {
    const counts = new Array<number>(10).fill(0);
    for (const label of dataset.labels) counts[label]!++;
    // 40 expected, standard deviation 6.
    for (const count of counts) assert.ok(count > 16 && count < 64, `${counts}`);
  });

  test(`${name} have the stated shape and use most of the range of samples`, async () => {
    assert.deepEqual(dataset.imageShape, shape);
    assert.equal(dataset.pixels.length, 400 * size(shape));
    const { width, height, channels, data } = await dataset.image(399);
    assert.deepEqual([height, width, channels], shape);
    assert.deepEqual(data, dataset.pixels.subarray(399 * size(shape)));
    assert.ok(Math.min(...dataset.pixels.subarray(0, 50_000)) <= 5);
    assert.ok(Math.max(...dataset.pixels.subarray(0, 50_000)) >= 250);
  });

  test(`no two images of ${name} are equal`, () => {
    const bytes = size(shape);
    const hashes = Array.from({ length: 400 }, (_, item) =>
      Buffer.from(dataset.pixels.subarray(item * bytes, (item + 1) * bytes)).toString('base64'),
    );
    assert.equal(new Set(hashes).size, 400);
  });
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

test('a built-in digit is like the others of its class more than like other classes', () => {
  const { pixels, labels } = makeDigits('train', 1000);
  const centroids = Array.from({ length: 10 }, () => new Float64Array(784));
  const counts = new Array<number>(10).fill(0);
  for (const [item, label] of labels.entries()) {
    counts[label]!++;
    for (let i = 0; i < 784; i++) centroids[label]![i]! += pixels[item * 784 + i]!;
  }
  const { pixels: testPixels, labels: testLabels } = makeDigits('test', 300);
  let right = 0;
  for (const [item, label] of testLabels.entries()) {
    const distances = centroids.map((centroid, c) =>
      centroid.reduce((sum, v, i) => sum + (testPixels[item * 784 + i]! - v / counts[c]!) ** 2, 0),
    );
    if (distances.indexOf(Math.min(...distances)) === label) right++;
  }
  // Chance is 0.1; the nearest centroid is a weak classifier, so this is far from what is possible.
  assert.ok(right / 300 > 0.6, `${right / 300}`);
});

test('unknown data sets and splits are usage errors that list what there is', async () => {
  await assert.rejects(
    loadDataset({ name: 'minst', folder: undefined, split: 'train' }),
    (error) =>
      error instanceof UsageError && /got "minst"; expected one of .*mnist/.test(error.message),
  );
  await assert.rejects(
    loadDataset({ name: 'digits', folder: undefined, split: 'validation' }),
    /--dataset_split_name: got "validation"; digits has train and test\./,
  );
  await assert.rejects(
    loadDataset({ name: 'mnist', folder: undefined, split: 'train' }),
    /--dataset_dir: missing/,
  );
});

test('a folder for data that are built in is refused, unless it holds TFRecords of this name', async (t) => {
  const folder = await temporaryFolder(t);
  for (const name of ['digits', 'shapes', 'phrases']) {
    await assert.rejects(
      loadDataset({ name, folder, split: 'train' }),
      (error) =>
        error instanceof UsageError &&
        error.message.startsWith(`--dataset_dir: got "${folder}", but ${name} is built in`) &&
        /expected --dataset_name to say what the folder holds: folder /.test(error.message),
    );
  }
  const digits = expectImages(
    await loadDataset({ name: 'digits', folder: undefined, split: 'train' }),
  );
  const items = digits.items.slice(0, 2);
  await writeTfrecords({ ...digits, items }, { folder, numShards: 1 });
  assert.equal((await loadDataset({ name: 'digits', folder, split: 'train' })).size, 2);
});
