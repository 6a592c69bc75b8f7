import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { latestCheckpoint, openCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import { Cleanup } from '../../src/cleanup.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { readEvents } from '../../src/events/readEvents.ts';
import { lockFolder } from '../../src/files/folderLock.ts';
import { FeatureStore } from '../../src/model/featureStore.ts';
import { LostWrites } from '../../src/recording/lostWrites.ts';
import { concludeRun } from '../../src/training/concludeRun.ts';
import { openRun, type Run } from '../../src/training/openRun.ts';
import { planRun, type RunPlan } from '../../src/training/planRun.ts';
import { recordPlan } from '../../src/training/recordPlan.ts';
import { featuresLine } from '../../src/training/runMessages.ts';
import type { RunOptions } from '../../src/training/runOptions.ts';
import { train } from '../../src/training/trainer.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { writeResidualNetwork } from '../residualNetwork.ts';
import { someRun } from './someRun.ts';

const data = temporaryFolder();
writeSmallMnist(data, 40, 20);
const { skip } = await tensorFlowOrSkip();

/** What a run did and left. */
interface Finished {
  readonly trainDir: string;
  /** Signatures in the order in which they ran, with the number of items that were fed. */
  readonly ran: readonly string[];
  readonly weights: Readonly<Record<string, ArrayLike<number>>>;
}

/** An engine that notes what its sessions run. */
function watched(engine: Engine, ran: string[]): Engine {
  const { name, bfloat16 } = engine;
  const load: Engine['load'] = async (graph, signatures) => {
    const session = await engine.load(graph, signatures);
    return {
      run: (signature, feeds) => {
        const items = (feeds['images'] ?? feeds['features'])?.shape[0];
        ran.push(`${signature} ${items ?? ''}`.trim());
        return session.run(signature, feeds);
      },
      close: () => session.close(),
    };
  };
  return { name, bfloat16, load };
}

/** Trains the head, with what is kept of the frozen part as a test wants it. */
async function trainHead(
  change: (plan: RunPlan) => Partial<RunPlan>,
  more: Partial<RunOptions> = {},
  changeRun: (run: Run) => Partial<Run> = () => ({}),
): Promise<Finished> {
  const options = someRun({
    ...{ dataset_name: 'mnist', dataset_dir: data, projector_items: 0 },
    ...{ trainable_scopes: ['head'], weight_decay: 0.01, learning_rate: 0.1 },
    ...more,
  });
  const ran: string[] = [];
  await Cleanup.after(async (cleanup) => {
    const lock = await lockFolder(options.train_dir, '--train_dir');
    cleanup.add(() => lock.release());
    const plan = await planRun(options);
    const engine = watched(plan.engine, ran);
    const opened = await openRun({ ...plan, engine, ...change(plan) }, lock, cleanup);
    const run = { ...opened, ...changeRun(opened) };
    await recordPlan(run);
    await concludeRun(run, await train(run));
  });
  const checkpoint = await openCheckpoint((await latestCheckpoint(options.train_dir))!);
  const weights: Record<string, ArrayLike<number>> = {};
  for (const name of checkpoint.shapes.keys()) {
    if (name.startsWith('losslens/')) continue;
    weights[name] = (await checkpoint.read(name)).data as ArrayLike<number>;
  }
  return { trainDir: options.train_dir, ran, weights };
}

/** Items that runs of a signature were fed. */
function itemsOf(ran: readonly string[], signature: string): number {
  return ran
    .filter((each) => each.startsWith(`${signature} `))
    .reduce((sum, each) => sum + Number(each.split(' ')[1]), 0);
}

const notKept = () => ({ keptFeatures: null });
const keptExactly = ({ keptFeatures }: RunPlan) => ({
  keptFeatures: { ...keptFeatures!, precision: 'float32' } as const,
});
const keptByDefault = () => ({});

/** As the flags have it; tests look at it, and change nothing. */
const byDefault = await trainHead(keptByDefault);

function linesOf({ trainDir }: Finished, file: string): unknown[] {
  const lines = readFileSync(join(trainDir, file), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

/** Lines with all numbers that are computed as text of a few digits, so that rounding does not tell them apart. */
function rounded(lines: unknown[], digits: number): unknown[] {
  return JSON.parse(
    JSON.stringify(lines, (_, value: unknown) =>
      typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(digits) : value,
    ),
  );
}

/** The largest difference of weights, as a share of the largest weight of the variable. */
function largestDifference(a: Finished, b: Finished): number {
  assert.deepEqual(Object.keys(a.weights), Object.keys(b.weights));
  const differences = Object.entries(a.weights).map(([name, weights]) => {
    const others = b.weights[name]!;
    let [difference, largest] = [0, 0];
    for (let i = 0; i < weights.length; i++) {
      difference = Math.max(difference, Math.abs(Number(weights[i]) - Number(others[i])));
      largest = Math.max(largest, Math.abs(Number(weights[i])));
    }
    return largest === 0 ? difference : difference / largest;
  });
  return Math.max(...differences);
}

const selectedItems = (finished: Finished) =>
  (linesOf(finished, 'selections.jsonl') as { item: number; epoch: number }[]).map(
    ({ item, epoch }) => [epoch, item],
  );

test('what is frozen runs once for each item; later the head alone, and the whole for what is monitored', async () => {
  const { ran } = await trainHead(keptByDefault, { hm: ['pool1', 'Logits'] });
  const count = (signature: string) => itemsOf(ran, signature);
  assert.equal(count('features'), 40);
  assert.equal(count('train_head') + count('train_head_with_summaries'), 3 * 40);
  assert.equal(count('train') + count('train_with_summaries'), 0);
  // Four of the first epoch are monitored in the second, up to four more in the third.
  assert.ok(count('monitor') >= 8 && count('monitor') <= 12, `${count('monitor')}`);
});

for (const engine of ['wasm', 'tensorflow'] as const) {
  const options = { engine, hm: ['pool1', 'conv2', 'fc3', 'dropout3', 'Logits'] };
  test(`kept exactly, a run is the one that runs all of the network, on ${engine}`, {
    skip: engine === 'tensorflow' && skip,
  }, async () => {
    const whole = await trainHead(notKept, options);
    const kept = await trainHead(keptExactly, options);
    assert.ok(whole.ran.some((each) => each.startsWith('train ')));
    assert.ok(largestDifference(whole, kept) < 1e-6, `${largestDifference(whole, kept)}`);
    for (const file of ['selections.jsonl', 'monitoring.jsonl']) {
      assert.deepEqual(rounded(linesOf(kept, file), 3), rounded(linesOf(whole, file), 3), file);
    }
  });
}

test('with smoothed labels and moving averages, too', async () => {
  const options = { label_smoothing: 0.1, moving_average_decay: 0.9, hm: ['conv2', 'Logits'] };
  const whole = await trainHead(notKept, options);
  const kept = await trainHead(keptExactly, options);
  assert.ok(largestDifference(whole, kept) < 1e-6, `${largestDifference(whole, kept)}`);
  const monitored = rounded(linesOf(whole, 'monitoring.jsonl'), 3);
  assert.deepEqual(rounded(linesOf(kept, 'monitoring.jsonl'), 3), monitored);
});

test('in half precision, a run selects the same items, and its weights differ by less than a hundredth', async () => {
  const whole = await trainHead(notKept);
  assert.deepEqual(selectedItems(byDefault), selectedItems(whole));
  const difference = largestDifference(whole, byDefault);
  assert.ok(difference > 0 && difference < 1e-2, `${difference}`);
});

test('evaluations in the run have the frozen layers run once for each item, and say the same', async () => {
  const more = { eval_interval_epochs: 1, eval_split_name: 'test' };
  const whole = await trainHead(() => ({ keptFeatures: null, keptEvaluationFeatures: null }), more);
  const kept = await trainHead(keptByDefault, more);
  assert.equal(itemsOf(whole.ran, 'predict'), 3 * 20);
  assert.equal(itemsOf(kept.ran, 'predict'), 0);
  assert.equal(itemsOf(kept.ran, 'predict_features'), 20);
  assert.equal(itemsOf(kept.ran, 'predict_head'), 3 * 20);
  const evaluations = ({ trainDir }: Finished) =>
    [...readEvents(join(trainDir, 'eval'))].flatMap(({ step, values }) =>
      values
        .filter(({ metadata }) => metadata.plugin_data?.plugin_name === 'scalars')
        .map(({ tag, tensor }) => ({ step, tag, values: tensor['float_val'] })),
    );
  const expected = evaluations(whole);
  assert.ok(expected.length >= 6);
  assert.deepEqual(rounded(evaluations(kept), 2), rounded(expected, 2));
});

const keptShape = async (more: Partial<RunOptions>) => {
  const options = someRun({ dataset_name: 'mnist', dataset_dir: data, ...more });
  return (await planRun(options)).keptFeatures?.shape;
};

test('what the head is fed is kept, where batch normalisation before it keeps to its moving statistics', async () => {
  const more = {
    model_name: writeResidualNetwork(data),
    trainable_scopes: ['head'],
    hm: [],
  } as const;
  assert.deepEqual(await keptShape(more), [6]);
  // With the statistics of the batch, all is as always before the first of them alone.
  assert.deepEqual(await keptShape({ ...more, freeze_batch_norm: false }), [14, 14, 6]);
  assert.deepEqual(
    await keptShape({ ...more, trainable_scopes: ['Residual/(branch|logits)'] }),
    [14, 14, 6],
  );
  const trainable_scopes = ['Residual/(branch|logits)'];
  const partly = await keptShape({ ...more, trainable_scopes, freeze_batch_norm: true });
  // On the way around the branch lies the shortcut: both begin at root.
  assert.deepEqual(partly, [14, 14, 6]);
});

test('nothing is kept of augmented images, where Hs lies before the head, or where all layers are trained', async () => {
  const head = { trainable_scopes: ['head'] };
  assert.deepEqual(await keptShape(head), [32]);
  assert.equal(await keptShape({ ...head, preprocessing_name: 'crop_and_mirror' }), undefined);
  const plain = { preprocessing_name: 'crop_and_mirror', augmentation: 'none' } as const;
  assert.deepEqual(await keptShape({ ...head, ...plain }), [32]);
  assert.equal(await keptShape({ ...head, hs: 'pool2' }), undefined);
  assert.deepEqual(await keptShape({ ...head, hs: 'fc3' }), [32]);
  assert.equal(await keptShape({}), undefined);
});

test('a run says what it keeps, or how it could', async () => {
  const lineOf = async (more: Partial<RunOptions>) =>
    featuresLine(await planRun(someRun({ dataset_name: 'mnist', dataset_dir: data, ...more })));
  const head = { trainable_scopes: ['head'] };
  assert.match(
    (await lineOf(head))!,
    /run once for each item; .*Small\/fc3\/Relu \[32\].* in memory/,
  );
  assert.match(
    (await lineOf({ ...head, preprocessing_name: 'crop_and_mirror' }))!,
    /run in each step, since images are augmented; with --augmentation=none/,
  );
  assert.equal(await lineOf({}), undefined);
});

test('nothing is kept that is larger than the images and many numbers', async () => {
  const before = await keptShape({
    trainable_scopes: ['Small/conv2', 'Small/fc3', 'Small/logits'],
  });
  assert.deepEqual(before, [14, 14, 8]);
  const large = { train_image_size: 56, preprocessing_name: 'lenet' };
  assert.equal(
    await keptShape({ ...large, trainable_scopes: ['Small/conv2', 'Small/fc3', 'Small/logits'] }),
    undefined,
  );
});

test('features that cannot be kept are computed in each step, and the run says so once and is the same', async () => {
  const path = join(data, 'missing', 'features');
  const said: string[] = [];
  const onDisk = ({ plan }: Run): Partial<Run> => ({
    features: FeatureStore.open(plan.keptFeatures!, path, 0),
    lost: new LostWrites((line) => said.push(line)),
  });
  const unkept = await trainHead(keptByDefault, {}, onDisk);
  assert.equal(itemsOf(unkept.ran, 'features'), 3 * 40);
  assert.equal(largestDifference(unkept, byDefault), 0);
  assert.deepEqual(said, [
    `${path}: cannot be written to (no such file or folder). Training goes on; the frozen layers run in each step for items whose features are not kept.`,
  ]);
});

test('a run that goes on has the features computed anew, and ends as one that was not interrupted', async () => {
  const trainDir = temporaryFolder();
  await trainHead(keptByDefault, { train_dir: trainDir, max_number_of_steps: 6 });
  const resumed = await trainHead(keptByDefault, { train_dir: trainDir });
  assert.equal(largestDifference(byDefault, resumed), 0);
  assert.deepEqual(linesOf(resumed, 'selections.jsonl'), linesOf(byDefault, 'selections.jsonl'));
  assert.ok(!existsSync(join(trainDir, 'features.tmp')));
});
