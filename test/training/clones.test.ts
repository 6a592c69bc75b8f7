import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { latestCheckpoint, openCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import { UsageError } from '../../src/errors.ts';
import { planRun } from '../../src/training/planRun.ts';
import { runTraining } from '../../src/training/run.ts';
import { featuresLine } from '../../src/training/runMessages.ts';
import type { RunOptions } from '../../src/training/runOptions.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { writeResidualNetwork } from '../residualNetwork.ts';
import { someRun } from './someRun.ts';

const data = temporaryFolder();
/** Four steps of ten items, and one of three. */
writeSmallMnist(data, 43, 20);
const network = writeResidualNetwork(temporaryFolder());
const { skip } = await tensorFlowOrSkip();

/** Flags of a run in which no item depends on others in its batch, by its statistics or by dropout. */
function flags(more: Partial<RunOptions>): RunOptions {
  return someRun({
    ...{ dataset_name: 'mnist', dataset_dir: data, model_name: network, freeze_batch_norm: true },
    ...{ optimizer: 'momentum', learning_rate: 0.02, num_epochs_per_decay: 1, weight_decay: 0.01 },
    ...{ moving_average_decay: 0.9, eval_interval_epochs: 1, projector_items: 0 },
    ...{ hs: 'unit', hm: ['inner', 'Logits'] },
    ...more,
  });
}

const twoClones = { batch_size: 5, num_clones: 2, clone_on_cpu: true };

/** Trains. @returns the folder of the run */
async function trained(more: Partial<RunOptions>): Promise<string> {
  const options = flags(more);
  assert.equal(await runTraining(options), 0);
  return options.train_dir;
}

/** The variables in a checkpoint, but for the optimizer's own: those are sums of derivatives, which round more. */
async function variablesOf(trainDir: string): Promise<Record<string, number[]>> {
  const checkpoint = await openCheckpoint((await latestCheckpoint(trainDir))!);
  const values: Record<string, number[]> = {};
  for (const name of checkpoint.shapes.keys()) {
    if (/^losslens\/|\/Momentum$/.test(name)) continue;
    values[name] = Array.from((await checkpoint.read(name)).data as ArrayLike<number>, Number);
  }
  return values;
}

/** Lines of a file, as JSON has them or as cells of which some are numbers. */
function linesOf(trainDir: string, file: string): unknown[] {
  const lines = readFileSync(join(trainDir, file), 'utf8').trim().split('\n');
  if (file.endsWith('.jsonl')) return lines.map((line) => JSON.parse(line));
  return lines.map((line) =>
    line.split(',').map((cell) => (/^-?\d/.test(cell) ? Number(cell) : cell)),
  );
}

/** The largest difference of the numbers in two values, relative to those above 1; all else is the same. */
function difference(actual: unknown, expected: unknown): number {
  if (typeof expected === 'number' && typeof actual === 'number') {
    return Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
  }
  if (!(expected instanceof Object && actual instanceof Object)) {
    assert.equal(actual, expected);
    return 0;
  }
  assert.deepEqual(Object.keys(actual), Object.keys(expected));
  const others = Object.values(actual);
  return Math.max(0, ...Object.values(expected).map((each, i) => difference(others[i], each)));
}

const one = await trained({ batch_size: 10 });

for (const engine of ['wasm', 'tensorflow'] as const) {
  test(`a run of two clones is one of a single clone with twice the batch, on ${engine}`, {
    skip: engine === 'tensorflow' && skip,
  }, async () => {
    const single = engine === 'wasm' ? one : await trained({ engine, batch_size: 10 });
    const clones = await trained({ engine, ...twoClones });
    const variables = await variablesOf(clones);
    assert.deepEqual(variables['global_step'], [15]);
    const apart = difference(variables, await variablesOf(single));
    assert.ok(apart <= 1e-6, `${apart}`);
    for (const file of ['selections.jsonl', 'selection.csv', 'items.csv', 'monitoring.jsonl']) {
      const lines = linesOf(single, file);
      assert.ok(lines.length > 2, file);
      const apart = difference(linesOf(clones, file), lines);
      // Tables have seven digits, of which the last may be another.
      assert.ok(apart <= (file.endsWith('.csv') ? 2e-6 : 1e-6), `${file}: ${apart}`);
    }
  });
}

test('a run goes on with any clones whose steps have as many items', async () => {
  const train_dir = await trained({ ...twoClones, max_number_of_epochs: 1 });
  await assert.rejects(
    trained({ train_dir, batch_size: 10, num_clones: 2, clone_on_cpu: true }),
    (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(
        error.message,
        /cannot go on with steps of 20 items by --batch_size and --num_clones \(were 10\)/,
      );
      return true;
    },
  );
  await trained({ train_dir, batch_size: 10 });
  const apart = difference(await variablesOf(train_dir), await variablesOf(one));
  assert.ok(apart <= 1e-6, `${apart}`);
});

test('a last step without an item for each clone is refused', async () => {
  const more = { batch_size: 7, num_clones: 6, clone_on_cpu: true };
  await assert.rejects(
    planRun(flags(more)),
    new UsageError(
      '--num_clones: got 6, but with --batch_size=7 the last step of an epoch of 43 items has 1; ' +
        'expected one for each clone at least. Give another --batch_size.',
    ),
  );
});

test('with clones nothing is kept of frozen layers, and the run says so', async () => {
  const more = { trainable_scopes: ['head'], augmentation: 'none', ...twoClones } as const;
  const plan = await planRun(flags(more));
  assert.equal(plan.keptFeatures, null);
  assert.match(
    featuresLine(plan)!,
    /^features: the frozen layers run in each step, .*--num_clones=1/,
  );
});
