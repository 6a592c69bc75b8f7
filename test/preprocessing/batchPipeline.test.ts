import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type InMemoryDataset, inMemory } from '../../datasets/inMemory.ts';
import { BatchPipeline, type BatchPipelineOptions } from '../../src/preprocessing/batchPipeline.ts';
import { imageInput } from '../../src/preprocessing/itemInput.ts';

const size = 23;
const batchSize = 5;

/** Grey images of 6×6, each of one value: that of its index. */
function makeDataset(): InMemoryDataset {
  return inMemory({
    name: 'made',
    split: 'train',
    classNames: ['even', 'odd'],
    imageShape: [6, 6, 1],
    labels: Uint8Array.from({ length: size }, (_, item) => item % 2),
    pixels: Uint8Array.from({ length: size * 36 }, (_, i) => Math.floor(i / 36)),
  });
}

interface SeenBatch {
  readonly itemIndices: number[];
  readonly labels: number[];
  readonly shape: readonly number[];
  readonly data: number[];
}

/** The batches of one epoch, copied. */
async function epochOf(
  options: Partial<BatchPipelineOptions>,
  epoch = 0,
  firstBatch = 0,
): Promise<SeenBatch[]> {
  const pipeline = new BatchPipeline(makeDataset(), {
    preprocessingName: 'lenet',
    isTraining: true,
    input: imageInput([6, 6, 1]),
    batchSize,
    seed: 1,
    numThreads: 2,
    ...options,
  });
  const batches: SeenBatch[] = [];
  try {
    for await (const { itemIndices, labels, input } of pipeline.epoch(epoch, firstBatch)) {
      batches.push({
        itemIndices: [...itemIndices],
        labels: [...labels],
        shape: input.shape,
        data: [...input.data],
      });
    }
  } finally {
    await pipeline.close();
  }
  return batches;
}

const itemsOf = (batches: readonly SeenBatch[]) => batches.flatMap((batch) => batch.itemIndices);
const inOrder = Array.from({ length: size }, (_, i) => i);

test('an epoch has every item exactly once, and its last batch is smaller', async () => {
  const batches = await epochOf({});
  assert.deepEqual(
    batches.map(({ shape }) => shape),
    [5, 5, 5, 5, 3].map((n) => [n, 6, 6, 1]),
  );
  const items = itemsOf(batches);
  assert.notDeepEqual(items, inOrder);
  assert.deepEqual(
    items.toSorted((a, b) => a - b),
    inOrder,
  );
});

test('each row of a batch is the image and the label of its item', async () => {
  for (const { itemIndices, labels, data } of await epochOf({})) {
    for (const [row, item] of itemIndices.entries()) {
      assert.equal(labels[row], item % 2);
      const image = data.slice(row * 36, row * 36 + 36);
      assert.deepEqual(image, Array(36).fill((item - 128) / 128));
    }
  }
});

test('one and three threads give the same bytes, augmentation included', async () => {
  const options = { preprocessingName: 'cifarnet' };
  const [one, three] = await Promise.all([
    epochOf({ ...options, numThreads: 1 }),
    epochOf({ ...options, numThreads: 3 }),
  ]);
  assert.deepEqual(one, three);
});

test('order and augmentation change with the epoch and with the seed', async () => {
  const options = { preprocessingName: 'cifarnet' };
  const [first, second, other] = await Promise.all([
    epochOf(options),
    epochOf(options, 1),
    epochOf({ ...options, seed: 2 }),
  ]);
  assert.notDeepEqual(itemsOf(first), itemsOf(second));
  assert.notDeepEqual(itemsOf(first), itemsOf(other));
  const imageOfItem3 = (batches: readonly SeenBatch[]) => {
    const batch = batches.find(({ itemIndices }) => itemIndices.includes(3))!;
    return batch.data.slice(batch.itemIndices.indexOf(3) * 36).slice(0, 36);
  };
  assert.notDeepEqual(imageOfItem3(first), imageOfItem3(second));
});

test('a resumed epoch goes on with the batches that an uninterrupted one has', async () => {
  const options = { preprocessingName: 'cifarnet' };
  const [whole, rest] = await Promise.all([epochOf(options, 4), epochOf(options, 4, 3)]);
  assert.deepEqual(rest, whole.slice(3));
});

test('evaluation takes the items in source order, without augmentation', async () => {
  const options = { preprocessingName: 'cifarnet', isTraining: false };
  const batches = await epochOf(options, 0);
  assert.deepEqual(itemsOf(batches), inOrder);
  assert.deepEqual(await epochOf({ ...options, seed: 9 }, 1), batches);
});

test('an epoch can be left early and the next one begun', { timeout: 10_000 }, async () => {
  const pipeline = new BatchPipeline(makeDataset(), {
    preprocessingName: 'lenet',
    isTraining: false,
    input: imageInput([6, 6, 1]),
    batchSize,
    seed: 1,
    numThreads: 2,
  });
  for await (const { itemIndices } of pipeline.epoch(0)) {
    assert.equal(itemIndices[0], 0);
    break;
  }
  const items: number[] = [];
  for await (const { itemIndices } of pipeline.epoch(1)) items.push(...itemIndices);
  await pipeline.close();
  assert.deepEqual(items, inOrder);
});

for (const numThreads of [1, 3]) {
  test(`the error of a failing thread of ${numThreads} reaches whoever takes the batches`, {
    timeout: 10_000,
  }, async () => {
    // Grey images cannot be given two channels.
    await assert.rejects(
      epochOf({ numThreads, input: imageInput([6, 6, 2]) }),
      /withChannels: image has 1 channels; expected 1 or 3/,
    );
  });
}

test('a thread that fails to start is reported by every later epoch', {
  timeout: 10_000,
}, async () => {
  const pipeline = new BatchPipeline(makeDataset(), {
    preprocessingName: 'no such',
    isTraining: true,
    input: imageInput([6, 6, 1]),
    batchSize,
    seed: 1,
    numThreads: 1,
  });
  for (const epoch of [0, 1]) {
    await assert.rejects(pipeline.epoch(epoch).next(), /--preprocessing_name: got "no such"/);
  }
  await pipeline.close();
});

test('a batch stays as it is while the next one is looked at', async (t) => {
  const pipeline = new BatchPipeline(makeDataset(), {
    preprocessingName: 'lenet',
    isTraining: false,
    input: imageInput([6, 6, 1]),
    batchSize: 1,
    seed: 1,
    numThreads: 1,
  });
  t.after(() => pipeline.close());
  let before: { data: ArrayLike<number>; copy: number[] } | undefined;
  for await (const { input } of pipeline.epoch(0)) {
    // What would be filled anew has been by then.
    await setTimeout(5);
    if (before) assert.deepEqual(Array.from(before.data), before.copy);
    before = { data: input.data, copy: [...input.data] };
  }
});
