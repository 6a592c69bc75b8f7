import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type InMemoryDataset, inMemory } from '../../datasets/inMemory.ts';
import { BatchPipeline, type BatchPipelineOptions } from '../../src/preprocessing/batchPipeline.ts';
import { imagesFor, samplesIn } from './imagesFor.ts';

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
  readonly samples: number[];
  readonly augmentation: number[];
}

/** The batches of one epoch, copied. */
async function epochOf(
  options: Partial<BatchPipelineOptions>,
  epoch = 0,
  firstBatch = 0,
): Promise<SeenBatch[]> {
  const pipeline = new BatchPipeline(makeDataset(), {
    isTraining: true,
    input: imagesFor('lenet', [6, 6, 1]),
    batchSize,
    seed: 1,
    numThreads: 2,
    ...options,
  });
  const batches: SeenBatch[] = [];
  try {
    for await (const { itemIndices, labels, feeds } of pipeline.epoch(epoch, firstBatch)) {
      batches.push({
        itemIndices: [...itemIndices],
        labels: [...labels],
        samples: [...samplesIn(feeds)],
        augmentation: [...(feeds['augmentation']?.data ?? [])],
      });
    }
  } finally {
    await pipeline.close();
  }
  return batches;
}

const itemsOf = (batches: readonly SeenBatch[]) => batches.flatMap((batch) => batch.itemIndices);
const inOrder = Array.from({ length: size }, (_, i) => i);

test('of items that are not needed, a batch has index and label alone', async () => {
  const pipeline = new BatchPipeline(makeDataset(), {
    isTraining: true,
    input: imagesFor('lenet', [6, 6, 1]),
    ...{ batchSize, seed: 1, numThreads: 2 },
  });
  const whole = await epochOf({});
  const isNeeded = (itemIndex: number) => itemIndex % 4 === 0;
  let batch = 0;
  try {
    for await (const { itemIndices, labels, feeds, preparedRows } of pipeline.epoch(
      0,
      0,
      isNeeded,
    )) {
      const { samples, ...all } = whole[batch++]!;
      assert.deepEqual([...itemIndices], all.itemIndices);
      assert.deepEqual([...labels], all.labels);
      const rows = [...itemIndices.keys()].filter((row) => isNeeded(itemIndices[row]!));
      assert.deepEqual([...preparedRows!], rows);
      assert.deepEqual(
        [...samplesIn(feeds)],
        rows.flatMap((row) => samples.slice(row * 36, (row + 1) * 36)),
      );
    }
  } finally {
    await pipeline.close();
  }
  assert.equal(batch, whole.length);
});

test('an epoch has every item exactly once, and its last batch is smaller', async () => {
  const batches = await epochOf({});
  assert.deepEqual(
    batches.map(({ samples }) => samples.length),
    [5, 5, 5, 5, 3].map((n) => n * 36),
  );
  const items = itemsOf(batches);
  assert.notDeepEqual(items, inOrder);
  assert.deepEqual(
    items.toSorted((a, b) => a - b),
    inOrder,
  );
});

test('each row of a batch is the image and the label of its item', async () => {
  for (const { itemIndices, labels, samples } of await epochOf({})) {
    for (const [row, item] of itemIndices.entries()) {
      assert.equal(labels[row], item % 2);
      const image = samples.slice(row * 36, row * 36 + 36);
      assert.deepEqual(image, Array(36).fill(item));
    }
  }
});

test('one and three threads give the same bytes, augmentation included', async () => {
  const options = { input: imagesFor('cifarnet', [6, 6, 1]) };
  const [one, three] = await Promise.all([
    epochOf({ ...options, numThreads: 1 }),
    epochOf({ ...options, numThreads: 3 }),
  ]);
  assert.deepEqual(one, three);
});

test('order and augmentation change with the epoch and with the seed', async () => {
  const options = { input: imagesFor('cifarnet', [6, 6, 1]) };
  const [first, second, other] = await Promise.all([
    epochOf(options),
    epochOf(options, 1),
    epochOf({ ...options, seed: 2 }),
  ]);
  assert.notDeepEqual(itemsOf(first), itemsOf(second));
  assert.notDeepEqual(itemsOf(first), itemsOf(other));
  const imageOfItem3 = (batches: readonly SeenBatch[]) => {
    const batch = batches.find(({ itemIndices }) => itemIndices.includes(3))!;
    const row = batch.itemIndices.indexOf(3);
    return [
      ...batch.samples.slice(row * 36, row * 36 + 36),
      ...batch.augmentation.slice(row * 2, row * 2 + 2),
    ];
  };
  assert.notDeepEqual(imageOfItem3(first), imageOfItem3(second));
});

test('a resumed epoch goes on with the batches that an uninterrupted one has', async () => {
  const options = { input: imagesFor('cifarnet', [6, 6, 1]) };
  const [whole, rest] = await Promise.all([epochOf(options, 4), epochOf(options, 4, 3)]);
  assert.deepEqual(rest, whole.slice(3));
});

test('evaluation takes the items in source order, without augmentation', async () => {
  const options = { input: imagesFor('cifarnet', [6, 6, 1]), isTraining: false };
  const batches = await epochOf(options, 0);
  assert.deepEqual(itemsOf(batches), inOrder);
  assert.deepEqual(await epochOf({ ...options, seed: 9 }, 1), batches);
});

test('an epoch can be left early and the next one begun', { timeout: 120_000 }, async () => {
  const pipeline = new BatchPipeline(makeDataset(), {
    isTraining: false,
    input: imagesFor('lenet', [6, 6, 1]),
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
    timeout: 120_000,
  }, async () => {
    // The images are grey.
    await assert.rejects(
      epochOf({ numThreads, input: imagesFor('lenet', [6, 6, 1], 3) }),
      /prepareImage: image has 1 channels; expected 3/,
    );
  });
}

test('a thread that fails to start is reported by every later epoch', {
  timeout: 120_000,
}, async () => {
  const images = { kind: 'encoded' } as never;
  const pipeline = new BatchPipeline(
    { ...makeDataset(), images },
    {
      isTraining: true,
      input: imagesFor('lenet', [6, 6, 1]),
      batchSize,
      seed: 1,
      numThreads: 1,
    },
  );
  for (const epoch of [0, 1]) {
    await assert.rejects(pipeline.epoch(epoch).next(), /undefined/);
  }
  await pipeline.close();
});

test('a batch stays as it is while the next one is looked at', async (t) => {
  const pipeline = new BatchPipeline(makeDataset(), {
    isTraining: false,
    input: imagesFor('lenet', [6, 6, 1]),
    batchSize: 1,
    seed: 1,
    numThreads: 1,
  });
  t.after(() => pipeline.close());
  let before: { data: ArrayLike<number>; copy: number[] } | undefined;
  for await (const { feeds } of pipeline.epoch(0)) {
    const samples = samplesIn(feeds);
    // What would be filled anew has been by then.
    await setTimeout(5);
    if (before) assert.deepEqual(Array.from(before.data), before.copy);
    before = { data: samples, copy: [...samples] };
  }
});

test('workers have the parts of the batches of one process, in its order, and each item once', async () => {
  const whole = await epochOf({ batchSize: 6 });
  const shares = await Promise.all(
    [0, 1, 2].map((worker) => epochOf({ batchSize: 2, share: { worker, workers: 3 } })),
  );
  assert.deepEqual(
    shares.map((batches) => batches.map(({ itemIndices }) => itemIndices.length)),
    // 23 items: the last batch has 5.
    [
      [2, 2, 2, 1],
      [2, 2, 2, 2],
      [2, 2, 2, 2],
    ],
  );
  const joined = whole.map((_, i) => ({
    itemIndices: shares.flatMap((batches) => batches[i]!.itemIndices),
    labels: shares.flatMap((batches) => batches[i]!.labels),
    samples: shares.flatMap((batches) => batches[i]!.samples),
    augmentation: shares.flatMap((batches) => batches[i]!.augmentation),
  }));
  assert.deepEqual(joined, whole);
});

test('a part says where in the joint batch it is', async () => {
  const pipeline = new BatchPipeline(makeDataset(), {
    isTraining: true,
    input: imagesFor('lenet', [6, 6, 1]),
    ...{ batchSize: 10, seed: 1, numThreads: 1, share: { worker: 1, workers: 2 } },
  });
  const places: unknown[] = [];
  for await (const { joint } of pipeline.epoch(0)) places.push(joint);
  await pipeline.close();
  assert.deepEqual(places, [
    { first: 10, size: 20, share: { worker: 1, workers: 2 } },
    { first: 1, size: 3, share: { worker: 1, workers: 2 } },
  ]);
});
