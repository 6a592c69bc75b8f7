import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { writeImageFolder, writeTfrecords } from '../../datasets/convert.ts';
import type { ImageDataset } from '../../datasets/dataset.ts';
import { BatchPipeline, type BatchPipelineOptions } from '../../src/preprocessing/batchPipeline.ts';
import { noRandom } from '../../src/preprocessing/prepareImage.ts';
import { vgg } from '../../src/preprocessing/vgg.ts';
import { imagesFor, samplesIn } from '../preprocessing/imagesFor.ts';
import { loadImages } from './loadImages.ts';
import { cifarRecord, pickledBatch } from './makeFiles.ts';
import { expectSame } from './pixelsOf.ts';
import { temporaryFolder } from './temporaryFolder.ts';

/** Items of each of the five files of the training split. */
const perFile = 6;
const crop = { side: 32, fit: 'crop' } as const;

interface SeenBatch {
  readonly items: number[];
  readonly labels: number[];
  readonly images: Buffer;
}

/** What cifarnet is trained on in two epochs. */
async function batchesOf(
  dataset: ImageDataset,
  options: Partial<BatchPipelineOptions> = {},
): Promise<SeenBatch[]> {
  const pipeline = new BatchPipeline(dataset, {
    isTraining: true,
    input: imagesFor('cifarnet', [32, 32, 3]),
    batchSize: 8,
    seed: 5,
    numThreads: 2,
    ...options,
  });
  const batches: SeenBatch[] = [];
  try {
    for (const epoch of [0, 1]) {
      for await (const { itemIndices, labels, feeds } of pipeline.epoch(epoch)) {
        const bytes = Buffer.from(samplesIn(feeds));
        batches.push({ items: [...itemIndices], labels: [...labels], images: bytes });
      }
    }
  } finally {
    await pipeline.close();
  }
  return batches;
}

test('cifarnet is trained on the same bytes in the same order from every form', async (t) => {
  const folder = await temporaryFolder(t);
  const binary = join(folder, 'binary/cifar-10-batches-bin');
  const python = join(folder, 'python/cifar-10-batches-py');
  await mkdir(binary, { recursive: true });
  await mkdir(python, { recursive: true });
  for (let file = 1; file <= 5; file++) {
    const records = Array.from({ length: perFile }, (_, i) => cifarRecord((file * i) % 10));
    await writeFile(join(binary, `data_batch_${file}.bin`), Buffer.concat(records));
    await writeFile(join(python, `data_batch_${file}`), pickledBatch(records));
  }
  const load = (name: string, form: string, maxBytes?: number) =>
    loadImages({ name, folder: join(folder, form), split: 'train', size: crop, maxBytes });
  const source = await load('cifar10', 'binary');
  assert.equal(source.size, 5 * perFile);
  await writeTfrecords(source, { folder: join(folder, 'records'), numShards: 2 });
  await writeImageFolder(source, { folder: join(folder, 'folder') });

  const expected = await batchesOf(source);
  assert.equal(new Set(expected.slice(0, 4).flatMap(({ items }) => items)).size, source.size);
  assert.notDeepEqual(expected[0]!.items, expected[4]!.items);
  const forms: readonly [what: string, dataset: ImageDataset][] = [
    ['Python', await load('cifar10', 'python')],
    ['TFRecords', await load('cifar10', 'records')],
    ['a folder', await load('folder', 'folder')],
    ['TFRecords, none kept in memory', await load('cifar10', 'records', 0)],
    ['a folder, some kept in memory', await load('folder', 'folder', 10 * 3072)],
  ];
  for (const [what, dataset] of forms) {
    assert.deepEqual(await batchesOf(dataset), expected, what);
    await expectSame(dataset, source);
  }
  const [, , records] = forms;
  const others = { numThreads: 1, numReaders: 1 };
  assert.deepEqual(await batchesOf(records![1], others), expected);
});

test('photographs of several sizes come to vgg with their aspect, made smaller where they are large', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'train/a'), { recursive: true });
  const sizes = [
    [300, 260],
    [1100, 700],
  ] as const;
  for (const [i, [width, height]] of sizes.entries()) {
    const data = Uint8Array.from({ length: width * height * 3 }, (_, k) => (k * 7) % 256);
    const png = await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer();
    await writeFile(join(folder, `train/a/${i}.png`), png);
  }
  const size = vgg.decodedSize(224);
  const dataset = await loadImages({ name: 'folder', folder, split: 'train', size });
  const images = await Promise.all([0, 1].map((item) => dataset.image(item)));
  assert.deepEqual(
    images.map(({ width, height }) => [width, height]),
    [
      [300, 260],
      [805, 512],
    ],
  );
  const pipeline = new BatchPipeline(dataset, {
    isTraining: false,
    input: imagesFor('vgg', [224, 224, 3]),
    batchSize: 2,
    seed: 0,
    numThreads: 1,
  });
  t.after(() => pipeline.close());
  const { value: batch } = await pipeline.epoch(0).next();
  const itemSize = 224 * 224 * 3;
  for (const [row, image] of images.entries()) {
    const expected = new Uint8Array(itemSize);
    vgg.evaluate.takeWindow(image, [224, 224], expected, noRandom);
    const found = samplesIn(batch!.feeds).subarray(row * itemSize, (row + 1) * itemSize);
    assert.deepEqual(Buffer.from(found), Buffer.from(expected));
  }
});
