import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type InMemoryDataset, inMemory } from '../../datasets/inMemory.ts';
import { plantLabelErrors, writeLabelNoise } from '../../datasets/labelNoise.ts';
import { temporaryFolder } from './temporaryFolder.ts';

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

test('changes the stated share of the labels, each to another class', () => {
  const source = makeDataset(1000, 4);
  const { dataset, errors } = plantLabelErrors(source, 0.053, 1);
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

test('leaves the given data set and all images as they are', () => {
  const source = makeDataset(100, 4);
  const { dataset } = plantLabelErrors(source, 1, 1);
  assert.deepEqual(source.labels, makeDataset(100, 4).labels);
  assert.equal(dataset.images, source.images);
});

test('takes every other class about equally often', () => {
  const { errors } = plantLabelErrors(makeDataset(3000, 4), 1, 2);
  const counts = new Map<number, number>();
  for (const { label, plantedLabel } of errors) {
    const change = (plantedLabel - label + 4) % 4;
    counts.set(change, (counts.get(change) ?? 0) + 1);
  }
  assert.deepEqual([...counts.keys()].sort(), [1, 2, 3]);
  // 1000 expected, standard deviation 26.
  for (const count of counts.values()) assert.ok(Math.abs(count - 1000) < 130, `${count}`);
});

test('depends on the seed alone', () => {
  const source = makeDataset(500, 10);
  const planted = (seed: number) => plantLabelErrors(source, 0.1, seed).errors;
  assert.deepEqual(planted(3), planted(3));
  assert.notDeepEqual(planted(3), planted(4));
});

test('a share of 0 changes nothing', () => {
  const source = makeDataset(50, 3);
  const { dataset, errors } = plantLabelErrors(source, 0, 1);
  assert.deepEqual(errors, []);
  assert.deepEqual(dataset.labels, source.labels);
});

test('records item, class and planted class', async (t) => {
  const path = join(await temporaryFolder(t), 'label_noise.csv');
  await writeLabelNoise(path, [{ itemIndex: 12, label: 0, plantedLabel: 1 }], ['cat', 'a,b']);
  assert.equal(await readFile(path, 'utf8'), 'item,label,planted_label\n12,cat,"a,b"\n');
});
