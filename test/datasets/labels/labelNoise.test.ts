import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { allItems, type TextDataset } from '../../../datasets/dataset.ts';
import { type InMemoryDataset, inMemory } from '../../../datasets/inMemory.ts';
import {
  confusableClasses,
  plantLabelErrors,
  writeLabelNoise,
} from '../../../datasets/labels/labelNoise.ts';
import { random } from '../../../src/random.ts';
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

/**
 * Grey images of 1 × 2 pixels in three classes: two that are hard to tell apart, and one far from both; with some
 * spread, so that no two are alike.
 */
function lookAlikes(size: number): InMemoryDataset {
  const next = random(5);
  const centres = [60, 80, 220];
  const pixels = Uint8Array.from({ length: 2 * size }, (_, at) =>
    Math.round(centres[Math.floor(at / 2) % 3]! + 40 * (next() - 0.5)),
  );
  return inMemory({
    name: 'made',
    split: 'train',
    classNames: ['dark', 'dim', 'bright'],
    imageShape: [1, 2, 1],
    labels: Uint8Array.from({ length: size }, (_, item) => item % 3),
    pixels,
  });
}

for (const type of ['image', 'cluster'] as const) {
  test(`${type} noise: as many as asked for, once each, the same again, others with another seed`, async () => {
    const source = lookAlikes(900);
    for (const share of [0.05, 0.31, 1]) {
      const { errors, dataset } = await plantLabelErrors(source, share, 1, type);
      assert.equal(errors.length, Math.round(900 * share));
      const items = errors.map(({ itemIndex }) => itemIndex);
      assert.deepEqual(
        items,
        [...new Set(items)].sort((a, b) => a - b),
      );
      for (const { itemIndex, label, plantedLabel } of errors) {
        assert.equal(label, source.labels[itemIndex]);
        assert.notEqual(label, plantedLabel);
        assert.equal(plantedLabel, dataset.labels[itemIndex]);
      }
      assert.deepEqual((await plantLabelErrors(source, share, 1, type)).errors, errors);
    }
    const [one, two] = [1, 2].map((seed) => plantLabelErrors(source, 0.1, seed, type));
    assert.notDeepEqual((await one)!.errors, (await two)!.errors);
  });
}

test('image noise takes look-alikes for each other, and leaves what nobody confuses', async () => {
  const { errors } = await plantLabelErrors(lookAlikes(1800), 0.1, 1, 'image');
  const between = errors.filter(({ label, plantedLabel }) => label + plantedLabel === 1);
  assert.ok(between.length > 0.9 * errors.length, `${between.length} of ${errors.length}`);
});

test('image noise prefers the items that lie nearest to the other class', async () => {
  const source = lookAlikes(1800);
  const { errors } = await plantLabelErrors(source, 0.1, 1, 'image');
  const brightness = async (item: number) => {
    const { data } = await source.image(item);
    return (data[0]! + data[1]!) / 2;
  };
  const mean = async (items: readonly number[]) =>
    (await Promise.all(items.map(brightness))).reduce((a, b) => a + b, 0) / items.length;
  const dark = [...source.labels.keys()].filter((item) => source.labels[item] === 0);
  const wrong = errors.filter(({ label }) => label === 0).map(({ itemIndex }) => itemIndex);
  // Standard error of the mean of about 90 items: 0.5.
  assert.ok((await mean(wrong)) > (await mean(dark)) + 2);
});

test('of texts, words decide', async () => {
  const classNames = ['fruit', 'berries', 'metals'];
  const words = ['sweet ripe', 'sweet tiny', 'hard grey'];
  const labels = Uint8Array.from({ length: 600 }, (_, item) => item % 3);
  const texts = Array.from(labels, (label, item) =>
    // One in four says only what fruit and berries have in common.
    label < 2 && item % 4 === 0 ? 'sweet' : words[label]!,
  );
  const source: TextDataset = {
    ...{ kind: 'texts', name: 'made', split: 'train', size: 600, items: allItems(600) },
    ...{ classNames, labels, texts },
  };
  const { errors } = await plantLabelErrors(source, 0.1, 1, 'image');
  const vague = errors.filter(({ itemIndex }) => texts[itemIndex] === 'sweet');
  assert.ok(vague.length > 50, `${vague.length} of ${errors.length}`);
  const { errors: clustered } = await plantLabelErrors(source, 0.1, 1, 'cluster');
  assert.equal(clustered.length, 60);
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
