import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type TestContext, test } from 'node:test';
import { writeTfrecords } from '../../datasets/convert.ts';
import { digestOf, isDigestOf } from '../../datasets/dataDigest.ts';
import type { Dataset } from '../../datasets/dataset.ts';
import { loadDataset } from '../../datasets/factory.ts';
import { encodePng } from '../../datasets/images/encodePng.ts';
import { inMemory } from '../../datasets/inMemory.ts';
import { inMemoryTexts } from '../../datasets/texts.ts';
import { temporaryFolder } from './temporaryFolder.ts';

/** DIR/CLASS/NUMBER.png of noise whose bytes depend on `first`. */
async function makeFolder(t: TestContext, first: number): Promise<string> {
  const folder = join(await temporaryFolder(t), 'photos');
  for (let i = 0; i < 8; i++) {
    const classFolder = join(folder, i % 2 === 0 ? 'cat' : 'dog');
    await mkdir(classFolder, { recursive: true });
    const data = Uint8Array.from({ length: 64 * (1 + first) }, (_, k) => (k * k * (i + 1)) % 251);
    const png = await encodePng({ width: 8 + 8 * first, height: 8, channels: 1, data });
    await writeFile(join(classFolder, `${i}.png`), png);
  }
  return folder;
}

const digestOfFolder = async (folder: string) =>
  digestOf(await loadDataset({ name: 'folder', folder, split: 'train' }));

test('an image folder is known by its files, wherever it lies', async (t) => {
  const folder = await makeFolder(t, 0);
  const before = await digestOfFolder(folder);
  assert.match(before, /^3:[0-9a-f]{64}$/);
  const moved = join(await temporaryFolder(t), 'moved');
  await cp(folder, moved, { recursive: true });
  assert.equal(await digestOfFolder(moved), before);
  assert.equal(await digestOfFolder(relative('.', moved)), before);

  // As many photos, with the same labels in the same order.
  await rename(join(folder, 'cat/0.png'), join(folder, 'cat/9.png'));
  await rename(join(folder, 'dog/1.png'), join(folder, 'dog/91.png'));
  const renamed = await loadDataset({ name: 'folder', folder, split: 'train' });
  assert.deepEqual([...renamed.labels], [0, 1, 0, 1, 0, 1, 0, 1]);
  assert.notEqual(digestOf(renamed), before);
  assert.notEqual(await digestOfFolder(await makeFolder(t, 1)), before);
  await rm(join(moved, 'cat/2.png'));
  assert.notEqual(await digestOfFolder(moved), before);
});

/** A split of two grey images or two texts. */
const images = (pixels: readonly number[], split = 'train') =>
  inMemory({
    name: 'made',
    split,
    classNames: ['a', 'b'],
    imageShape: [2, 2, 1],
    labels: Uint8Array.of(0, 1),
    pixels: Uint8Array.from(pixels),
  });
const texts = (some: readonly string[]) =>
  inMemoryTexts({
    name: 'made',
    split: 'train',
    classNames: ['a', 'b'],
    labels: Uint8Array.of(0, 1),
    texts: some,
  });

test('pixels and texts in memory, TFRecords and splits are told apart', async (t) => {
  const digests = [
    images([1, 2, 3, 4, 5, 6, 7, 8]),
    images([1, 2, 3, 4, 5, 6, 7, 9]),
    images([1, 2, 3, 4, 5, 6, 7, 8], 'test'),
    texts(['ab', 'c']),
    texts(['a', 'bc']),
  ].map(digestOf);
  for (const pixels of [new Array(2048).fill(7), Array.from({ length: 2048 }, (_, i) => i % 256)]) {
    const folder = await temporaryFolder(t);
    const source = { ...images(pixels), imageShape: [32, 32, 1] } as const;
    await writeTfrecords(inMemory(source), { folder, numShards: 1 });
    const dataset = await loadDataset({ name: 'made', folder, split: 'train' });
    digests.push(digestOf(dataset));
  }
  assert.equal(new Set(digests).size, digests.length);
  assert.equal(digestOf(images([1, 2, 3, 4, 5, 6, 7, 8])), digests[0]);
});

test('items that are left out and other labels are noticed', () => {
  const dataset = images([1, 2, 3, 4, 5, 6, 7, 8]);
  const others: Dataset[] = [
    { ...dataset, labels: Uint8Array.of(1, 1) },
    { ...dataset, items: Uint32Array.of(1) },
  ];
  for (const other of others) assert.equal(isDigestOf(digestOf(dataset), other), false);
  assert.equal(isDigestOf(digestOf(dataset), { ...dataset, labels: Int32Array.of(0, 1) }), true);
});

test('what an older version recorded is compared with what it looked at', () => {
  const dataset = images([1, 2, 3, 4, 5, 6, 7, 8]);
  const recorded = createHash('sha256')
    .update(Uint32Array.of(0, 1))
    .update(Int32Array.of(0, 1))
    .digest('hex');
  assert.equal(isDigestOf(recorded, dataset), true);
  assert.equal(isDigestOf(recorded, { ...dataset, labels: Uint8Array.of(1, 1) }), false);
});

test('one photo of many that was replaced under its name is noticed', async (t) => {
  const folder = join(await temporaryFolder(t), 'photos/cat');
  await mkdir(folder, { recursive: true });
  const data = Uint8Array.from({ length: 64 }, (_, i) => i);
  const png = await encodePng({ width: 8, height: 8, channels: 1, data });
  // Twice as many as the version before asked for their sizes: all with even numbers.
  const nameOf = (i: number) => join(folder, `${String(i).padStart(3, '0')}.png`);
  for (let i = 0; i < 512; i++) await writeFile(nameOf(i), png);
  const load = () => loadDataset({ name: 'folder', folder: join(folder, '..'), split: 'train' });
  const recorded = digestOf(await load());
  assert.equal(isDigestOf(recorded, await load()), true);
  const other = await encodePng({ width: 8, height: 8, channels: 1, data: data.toReversed() });
  await writeFile(nameOf(257), Buffer.concat([other, Buffer.alloc(7)]));
  assert.equal(isDigestOf(recorded, await load()), false);
});

test('a folder is held against the sizes that the version before looked at', async (t) => {
  const folder = await makeFolder(t, 0);
  const dataset = await loadDataset({ name: 'folder', folder, split: 'train' });
  const ofItems = createHash('sha256');
  const paths = Array.from({ length: 8 }, (_, i) => `/${i % 2 === 0 ? 'cat' : 'dog'}/${i}.png`);
  for (const path of paths) ofItems.update(`${path}\0`);
  for (const path of paths) ofItems.update(`${(await stat(folder + path)).size}\0`);
  const recorded = createHash('sha256')
    .update(dataset.items)
    .update(Int32Array.of(0, 1, 0, 1, 0, 1, 0, 1))
    .update(`train ${ofItems.digest('hex')}`)
    .digest('hex');
  assert.equal(isDigestOf(`2:${recorded}`, dataset), true);
  await writeFile(join(folder, 'cat/4.png'), 'another');
  const changed = await loadDataset({ name: 'folder', folder, split: 'train' });
  assert.equal(isDigestOf(`2:${recorded}`, changed), false);
});
