import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  latestCheckpoint,
  listCheckpoints,
  openCheckpoint,
  stepOfCheckpoint,
} from '../../src/checkpoint/checkpoints.ts';
import { Cleanup } from '../../src/cleanup.ts';
import { UserError } from '../../src/errors.ts';
import { readEvents } from '../../src/events/readEvents.ts';
import { lockFolder } from '../../src/files/folderLock.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import type { Batch } from '../../src/preprocessing/batchPipeline.ts';
import { openRun, type Run } from '../../src/training/openRun.ts';
import { planRun } from '../../src/training/planRun.ts';
import { recordPlan } from '../../src/training/recordPlan.ts';
import { skippedLine } from '../../src/training/runMessages.ts';
import type { RunOptions } from '../../src/training/runOptions.ts';
import { type TrainingResult, train } from '../../src/training/trainer.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { someRun } from './someRun.ts';

const { skip } = await tensorFlowOrSkip();
const data = temporaryFolder();
writeSmallMnist(data, 40, 20);

/** A run of four steps an epoch, in a network that is not finite for a black image. */
function fragileRun(more: Partial<RunOptions>): RunOptions {
  return someRun({
    ...{ dataset_name: 'mnist', dataset_dir: data, projector_items: 0, hm: ['fc1'] },
    ...{ model_name: join(packageRoot, 'dist/test/fragileNetwork.js'), optimizer: 'adam' },
    ...{ max_number_of_epochs: undefined, max_number_of_steps: 6, log_every_n_steps: 2 },
    ...more,
  });
}

/** What became of a run. */
interface Trained {
  readonly trainDir: string;
  readonly result: TrainingResult | Error;
  readonly messages: readonly string[];
  readonly skipped: Run['skipped'];
  /** Presentations that are recorded of all items. */
  readonly presentations: number;
}

/** A pipeline in which the first images of some batches, counted from 1, are black. */
function blackened(pipeline: Run['pipeline'], steps: readonly number[]): Run['pipeline'] {
  let step = 0;
  async function* epoch(...given: Parameters<Run['pipeline']['epoch']>): AsyncGenerator<Batch> {
    for await (const batch of pipeline.epoch(...given)) {
      const { data: samples, shape } = batch.feeds['images']!;
      if (steps.includes(++step)) samples.fill(0, 0, samples.length / shape[0]!);
      yield batch;
    }
  }
  return { epoch } as unknown as Run['pipeline'];
}

async function trainWith(options: RunOptions, blackSteps: readonly number[]): Promise<Trained> {
  return await Cleanup.after(async (cleanup) => {
    const lock = await lockFolder(options.train_dir, '--train_dir');
    cleanup.add(() => lock.release());
    const run = await openRun(await planRun(options), lock, cleanup);
    await recordPlan(run);
    const messages: string[] = [];
    const result = await train({
      ...run,
      pipeline: blackened(run.pipeline, blackSteps),
      progress: { ...run.progress, message: (line) => void messages.push(line) },
    }).catch((error: Error) => error);
    const { table } = run.inSitu!.known;
    let presentations = 0;
    for (let item = 0; item < table.size; item++) presentations += table.at(item, 'epochs');
    return {
      ...{ trainDir: options.train_dir, result, messages, presentations },
      skipped: run.skipped,
    };
  });
}

/** All that a checkpoint holds. */
async function contentOf(path: string | undefined): Promise<Record<string, unknown>> {
  const bundle = await openCheckpoint(path!);
  const content: Record<string, unknown> = {};
  for (const name of bundle.shapes.keys()) content[name] = (await bundle.read(name)).data;
  return content;
}

function scalarsOf(trainDir: string, wanted: string): [step: number, value: number][] {
  return [...readEvents(trainDir)].flatMap(({ step, values }) =>
    values
      .filter(({ tag }) => tag === wanted)
      .map(({ tensor }): [number, number] => [step, (tensor['float_val'] as number[])[0]!]),
  );
}

test('a step that is not finite ends the run with a checkpoint of what was before it, from which it goes on', async () => {
  const options = fragileRun({});
  const { trainDir, result, messages } = await trainWith(options, [4]);
  assert.ok(result instanceof UserError, String(result));
  const checkpoint = (await latestCheckpoint(trainDir))!;
  assert.match(checkpoint, /model\.ckpt-3$/);
  assert.match(
    result.message,
    /^step 4: the loss is NaN; expected a number\. The training diverged at a learning rate of 0\.01: [^.]*--learning_rate/,
  );
  assert.match(result.message, /\. scaled is the first layer that is not finite\. /);
  assert.match(result.message, /\. Items of the batch: (\d+, ){4}\d+ and 5 more\. /);
  assert.doesNotMatch(result.message, /first variable|bfloat16|\n/);
  assert.ok(result.message.endsWith(`. The last good checkpoint is ${checkpoint}.`));
  assert.deepEqual(messages, []);

  const stopped = await trainWith(fragileRun({ max_number_of_steps: 3 }), []);
  const expected = await contentOf(await latestCheckpoint(stopped.trainDir));
  assert.deepEqual(await contentOf(checkpoint), expected);

  const resumed = await trainWith(options, []);
  assert.ok(!(resumed.result instanceof Error), String(resumed.result));
  const whole = await trainWith(fragileRun({}), []);
  assert.deepEqual(
    await contentOf(await latestCheckpoint(trainDir)),
    await contentOf(await latestCheckpoint(whole.trainDir)),
  );
  assert.deepEqual(scalarsOf(trainDir, 'skipped_steps'), []);
});

test('a run that ends at the same step again leaves no other checkpoint', async () => {
  const options = fragileRun({});
  await trainWith(options, [3]);
  // It goes on with step 3.
  const { trainDir, result } = await trainWith(options, [1]);
  assert.ok(result instanceof UserError, String(result));
  assert.match(
    result.message,
    /^step 3: .*\. Nothing was trained since .*\/model\.ckpt-2, so that another --learning_rate does not mend it: leave such steps out with --on_nan=skip, or go on from an earlier checkpoint\. /,
  );
  assert.match((await latestCheckpoint(trainDir))!, /model\.ckpt-2$/);
});

test('with --on_nan=skip a step that is not finite is left out, named and counted, and the run goes on', async () => {
  const options = fragileRun({ on_nan: 'skip' });
  const { trainDir, result, messages, skipped, presentations } = await trainWith(
    options,
    [2, 3, 5],
  );
  assert.ok(!(result instanceof Error), String(result));
  assert.equal(result.step, 6);
  assert.equal(presentations, 3 * 10);
  // One in --log_every_n_steps at most.
  const told = messages.filter((line) => line.startsWith('skipped step'));
  assert.equal(told.length, 2);
  assert.match(
    told[0]!,
    /^skipped step 2: the loss is NaN; expected a number; 1 skipped so far\. Items of the batch: /,
  );
  assert.match(told[1]!, /^skipped step 5: .*; 3 skipped so far\./);
  assert.equal(skippedLine(skipped, 6), 'skipped 3 of 6 steps, which were not finite');
  assert.deepEqual(
    scalarsOf(trainDir, 'skipped_steps').map(([step, value]) => `${step}: ${value}`),
    ['1: 0', '2: 1', '3: 2', '4: 2', '5: 3', '6: 3'],
  );
  assert.ok(scalarsOf(trainDir, 'total_loss').every(([, loss]) => Number.isFinite(loss)));

  // What comes later counts on.
  const later = await trainWith({ ...options, max_number_of_steps: 8 }, [1]);
  assert.equal(later.skipped.total, 4);
});

test('steps that are left out push no checkpoint of other weights out of those that are kept', async () => {
  const skipping = { on_nan: 'skip', save_interval_steps: 1, max_checkpoints: 3 } as const;
  const keptAfter = async (steps: number) => {
    const options = fragileRun({ ...skipping, max_number_of_steps: steps });
    // An epoch ends among them.
    const { trainDir, result } = await trainWith(options, [5, 6, 7, 8, 9]);
    assert.ok(!(result instanceof Error), String(result));
    return (await listCheckpoints(trainDir)).map(stepOfCheckpoint);
  };
  assert.deepEqual(await keptAfter(9), [3, 4, 9]);
  assert.deepEqual(await keptAfter(11), [4, 10, 11]);
});

test('a run whose steps were mostly left out says so at its end, with what to do', () => {
  assert.equal(skippedLine({ total: 0, inARow: 0 }, 8), undefined);
  assert.equal(
    skippedLine({ total: 3, inARow: 2 }, 8),
    'skipped 3 of 8 steps, which were not finite, the last 2 among them',
  );
  assert.equal(
    skippedLine({ total: 15, inARow: 15 }, 16),
    'skipped 15 of 16 steps, which were not finite, the last 15 among them: only 1 trained the network. Lower --learning_rate, or begin with --warmup_epochs',
  );
});

test('twenty steps in a row that are not finite end the run with --on_nan=skip, too', async () => {
  const every = Array.from({ length: 40 }, (_, i) => i + 1);
  const { result, trainDir, presentations } = await trainWith(
    fragileRun({ on_nan: 'skip', max_number_of_steps: 40 }),
    every.slice(2),
  );
  assert.ok(result instanceof UserError, String(result));
  assert.match(
    result.message,
    /^step 22: the loss is NaN; expected a number\. The 19 steps before it were not finite either\. The training diverged/,
  );
  assert.equal(presentations, 2 * 10);
  assert.match((await latestCheckpoint(trainDir))!, /model\.ckpt-21$/);
  const two = await trainWith(fragileRun({ on_nan: 'skip', max_number_of_steps: 2 }), []);
  const weights = async (path: string | undefined) => {
    const content = await contentOf(path);
    return [content['Fragile/fc1/weights'], content['Fragile/fc1/weights/Adam']];
  };
  assert.deepEqual(
    await weights(await latestCheckpoint(trainDir)),
    await weights(await latestCheckpoint(two.trainDir)),
  );
});

test('steps in a row that are not finite are counted on by a run that goes on', async () => {
  const options = fragileRun({ on_nan: 'skip', max_number_of_steps: 14 });
  const every = Array.from({ length: 40 }, (_, i) => i + 1);
  const first = await trainWith(options, every.slice(2));
  assert.ok(!(first.result instanceof Error), String(first.result));
  const longer = { ...options, max_number_of_steps: 40 };
  const { result, trainDir } = await trainWith(longer, every);
  assert.ok(result instanceof UserError, String(result));
  assert.match(result.message, /^step 22: .*\. The 19 steps before it were not finite either\. /);
  assert.match((await latestCheckpoint(trainDir))!, /model\.ckpt-21$/);
  // And again, whether or not it is waited for.
  const again = await trainWith(longer, [1]);
  assert.match(String(again.result), /step 22: .*\. The 19 steps before it/);
  const mended = await trainWith(longer, []);
  assert.equal(mended.skipped.total, 19);
});

test('weights that a learning rate has spoiled are told so, with the checkpoint to go on from', async () => {
  const ratesOf = async (...rates: readonly number[]) => {
    const { train_dir } = fragileRun({});
    for (const [i, learning_rate] of rates.entries()) {
      const given = { learning_rate, max_number_of_steps: 2 * (i + 1), save_interval_steps: 1 };
      const { result } = await trainWith(fragileRun({ ...given, train_dir }), []);
      if (result instanceof Error) return { train_dir, message: result.message };
    }
    return assert.fail('all steps were finite');
  };
  const spoiled = (folder: string, step: number) =>
    `The weights of ${folder}/model.ckpt-${step} are beyond what can be trained on, at any learning rate (`;

  const first = await ratesOf(1e30);
  assert.match(
    first.message,
    /^step 2: .*The training diverged at a learning rate of 1e\+30: lower/,
  );
  assert.ok(first.message.includes(`. ${spoiled(first.train_dir, 1)}`), first.message);
  assert.match(
    first.message,
    /\): none before it is good, so begin anew in another --train_dir\.$/,
  );

  const { train_dir, message } = await ratesOf(0.001, 1e30);
  assert.match(message, /^step 4: /);
  assert.ok(message.includes(`. ${spoiled(train_dir, 3)}`), message);
  const remedy = `: to go on from the last good checkpoint, ${train_dir}/model.ckpt-2, move the .index files of those after it away.`;
  assert.ok(message.endsWith(remedy), message);
  const { result } = await trainWith(fragileRun({ learning_rate: 1e-6, train_dir }), []);
  assert.match(
    String(result),
    /: step 4: [^.]*\. Nothing was trained since .*\/model\.ckpt-3, so that another --learning_rate does not mend it\. /,
  );
  assert.ok(String(result).endsWith(remedy), String(result));

  rmSync(join(train_dir, 'model.ckpt-3.index'));
  const mended = await trainWith(fragileRun({ learning_rate: 0.001, train_dir }), []);
  assert.ok(!(mended.result instanceof Error), String(mended.result));
});

test('a loss that is finite in float32 alone is told so, and another one is not blamed on bfloat16', {
  skip,
}, async () => {
  const options = () => fragileRun({ engine: 'tensorflow', precision: 'bfloat16' });
  const rounded = await trainWith(options(), []);
  assert.ok(rounded.result instanceof UserError, String(rounded.result));
  assert.match(
    rounded.result.message,
    /^step 1: .* compute with --precision=float32\. It overflows in bfloat16 alone: in float32 the loss is \d+\.\d{4}\. rounded is the first layer that is not finite\. /,
  );
  const black = await trainWith(options(), [1]);
  assert.ok(black.result instanceof UserError, String(black.result));
  assert.match(black.result.message, /\. scaled is the first layer that is not finite\. /);
  assert.doesNotMatch(black.result.message, /bfloat16|--precision/);
});
