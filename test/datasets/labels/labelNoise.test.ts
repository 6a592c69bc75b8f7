import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type InMemoryDataset, inMemory } from '../../../datasets/inMemory.ts';
import {
  confusableClasses,
  plantLabelErrors,
  writeLabelNoise,
} from '../../../datasets/labels/labelNoise.ts';
import { temporaryFolder } from '../temporaryFolder.ts';

function makeDataset(size: number, classes: number): InMemoryDataset {
  return inMemory({
    name: 'made',
    split: 'train',
    classNames: Array.from({ length: classes }, (_, label) => `class ${label}`),
    imageShape: [1, 1, 1],
    labels: Uint8Array.from({ length: size }, (_, item) => item % classes),
    pixels: new Uint8Array(size),
  });
}

test('changes the stated share of the labels, each to another class', async () => {
  const source = makeDataset(1000, 4);
  const { dataset, errors } = await plantLabelErrors(source, 0.053, 1);
  assert.equal(errors.length, 53);
  const different = [...dataset.labels.keys()].filter(
    (i) => dataset.labels[i] !== source.labels[i],
  );
  assert.deepEqual(
    errors.map(({ itemIndex }) => itemIndex),
    different,
  );
  for (const { itemIndex, label, plantedLabel } of errors) {
    assert.equal(label, itemIndex % 4);
    assert.equal(plantedLabel, dataset.labels[itemIndex]);
  }
});

test('leaves the given data set and all images as they are', async () => {
  const source = makeDataset(100, 4);
  const { dataset } = await plantLabelErrors(source, 1, 1);
  assert.deepEqual(source.labels, makeDataset(100, 4).labels);
  assert.equal(dataset.images, source.images);
});

test('takes every other class about equally often', async () => {
  const { errors } = await plantLabelErrors(makeDataset(3000, 4), 1, 2);
  const counts = new Map<number, number>();
  for (const { label, plantedLabel } of errors) {
    const change = (plantedLabel - label + 4) % 4;
    counts.set(change, (counts.get(change) ?? 0) + 1);
  }
  assert.deepEqual([...counts.keys()].sort(), [1, 2, 3]);
  // 1000 expected, standard deviation 26.
  for (const count of counts.values()) assert.ok(Math.abs(count - 1000) < 130, `${count}`);
});

test('depends on the seed alone', async () => {
  const source = makeDataset(500, 10);
  const planted = async (seed: number) => (await plantLabelErrors(source, 0.1, seed)).errors;
  assert.deepEqual(await planted(3), await planted(3));
  assert.notDeepEqual(await planted(3), await planted(4));
});

test('a share of 0 changes nothing', async () => {
  const source = makeDataset(50, 3);
  const { dataset, errors } = await plantLabelErrors(source, 0, 1);
  assert.deepEqual(errors, []);
  assert.deepEqual(dataset.labels, source.labels);
});

test('pairwise noise turns every class to the one that it is taken for', async () => {
  const names = ['cat', 'truck', 'dog', 'automobile', 'kiwi'];
  assert.deepEqual(confusableClasses(names), [2, 3, 0, 1, 0]);
  const source = { ...makeDataset(200, 5), classNames: names };
  const { errors } = await plantLabelErrors(source, 0.3, 1, 'pairwise');
  assert.equal(errors.length, 60);
  for (const { label, plantedLabel } of errors) {
    assert.equal(plantedLabel, [2, 3, 0, 1, 0][label]);
  }
});

test('image noise prefers items near the mean image of another class, and gives them that', async () => {
  // Grey images: class 0 around 50, class 1 around 150, class 2 around 250 but for one in ten.
  const size = 3000;
  const pixels = Uint8Array.from({ length: size }, (_, item) =>
    item % 30 === 2 ? 140 : 50 + 100 * (item % 3),
  );
  const source = inMemory({
    name: 'made',
    split: 'train',
    classNames: ['dark', 'grey', 'bright'],
    imageShape: [1, 1, 1],
    labels: Uint8Array.from({ length: size }, (_, item) => item % 3),
    pixels,
  });
  const { errors } = await plantLabelErrors(source, 0.05, 1, 'image');
  assert.equal(errors.length, 150);
  const odd = errors.filter(({ itemIndex }) => itemIndex % 30 === 2);
  // One in thirty items; chance alone would give 5.
  assert.ok(odd.length > 50, `${odd.length}`);
  for (const { plantedLabel } of odd) assert.equal(plantedLabel, 1);
  const again = await plantLabelErrors(source, 0.05, 1, 'image');
  assert.deepEqual(again.errors, errors);
});

test('a share of less than half an item is refused: nothing could be measured with it', async () => {
  await assert.rejects(plantLabelErrors(makeDataset(40, 4), 0.01, 1), {
    message: '--label_noise: 0.01 of 40 items is none; expected at least 0.025.',
  });
  const { errors } = await plantLabelErrors(makeDataset(40, 4), 0.025, 1);
  assert.equal(errors.length, 1);
});

test('there must be another class to change labels to', async () => {
  await assert.rejects(plantLabelErrors(makeDataset(10, 1), 0.5, 1), /--label_noise: .* one class/);
});

test('records item, class and planted class', async (t) => {
  const path = join(await temporaryFolder(t), 'label_noise.csv');
  await writeLabelNoise(path, [{ itemIndex: 12, label: 0, plantedLabel: 1 }], ['cat', 'a,b']);
  assert.equal(await readFile(path, 'utf8'), 'item,label,planted_label\n12,cat,"a,b"\n');
});
