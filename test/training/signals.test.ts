/** A run that a signal stops, whenever that is, leaves what it did, and the next start ends as if nothing had. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkCheckpoint, latestCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import type { Engine, Session } from '../../src/engines/engine.ts';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { eventFiles, readEvents } from '../../src/events/readEvents.ts';
import { readRecords } from '../../src/files/recordReader.ts';
import { runTraining } from '../../src/training/run.ts';
import type { RunOptions } from '../../src/training/runOptions.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { someRun } from './someRun.ts';

const data = temporaryFolder();
// An evaluation takes two batches: a signal during the first one ends it.
writeSmallMnist(data, 40, 120);

/** Two epochs of four steps. */
const options = (): RunOptions =>
  someRun({
    ...{ dataset_name: 'mnist', dataset_dir: data, label_noise: 0.2, projector_items: 4 },
    ...{ eval_interval_epochs: 1, max_number_of_epochs: 2 },
  });

/** At which call of a signature, from 1, a signal comes; of 'load' when the graph is loaded. */
interface Point {
  readonly signature: string;
  readonly call: number;
}

/** An engine that has this process told of SIGTERM at some point. */
function interrupted(engine: Engine, { signature, call }: Point): Engine {
  let calls = 0;
  const come = (name: string) => {
    if (name === signature && ++calls === call) process.emit('SIGTERM', 'SIGTERM');
  };
  return {
    name: engine.name,
    bfloat16: engine.bfloat16,
    load: async (graph, signatures): Promise<Session> => {
      come('load');
      const session = await engine.load(graph, signatures);
      return {
        run: (name, feeds) => {
          come(name);
          return session.run(name, feeds);
        },
        close: () => session.close(),
      };
    },
  };
}

const recordFiles = [
  ...['items.csv', 'selection.csv', 'selections.jsonl', 'monitoring.jsonl', 'detection.csv'],
  ...['label_noise.csv', 'model.ckpt-8.index', 'model.ckpt-8.data-00000-of-00001'],
];

function contents(folder: string): Record<string, string> {
  return Object.fromEntries(
    recordFiles.map((name) => [name, readFileSync(join(folder, name), 'latin1')]),
  );
}

/** Tags and steps of what the evaluations of a run logged. */
function evaluationsOf(trainDir: string): (readonly [string, number])[] {
  const events = [...readEvents(join(trainDir, 'eval'))];
  return events.flatMap(({ step, values }) => values.map(({ tag }) => [tag, step] as const));
}

/** Fails where something that a run left is not whole, or should not be there. */
async function assertWhole(folder: string): Promise<void> {
  for (const path of eventFiles(folder)) assert.ok([...readRecords(path)].length >= 2, path);
  const latest = await latestCheckpoint(folder);
  if (latest !== undefined) await checkCheckpoint(latest);
  const left = readdirSync(folder, { recursive: true }).map(String);
  assert.deepEqual(
    left.filter((name) => /\.tmp$|losslens\.lock/.test(name)),
    [],
  );
}

/** @param step  of the checkpoint that the signal leaves; undefined for none */
function testSignals(engine: Engine, points: readonly [string, Point, number | undefined][]): void {
  const run = (given: RunOptions, on: Engine) =>
    runTraining(given, Promise.resolve({ engine: on, reason: 'for a test' }));
  const whole = options();
  test(`${engine.name}: a run that nothing disturbs`, async () => {
    assert.equal(await run(whole, engine), 0);
  });
  for (const [when, point, step] of points) {
    test(`${engine.name}: a signal ${when}`, async () => {
      const given = options();
      const { train_dir } = given;
      const code = await run(given, interrupted(engine, point));
      // What is trained to its end is written to its end.
      const isOver = point.signature === 'embed';
      assert.equal(code, isOver ? 0 : 143);
      await assertWhole(train_dir);
      const checkpoint = step === undefined ? undefined : join(train_dir, `model.ckpt-${step}`);
      assert.equal(await latestCheckpoint(train_dir), checkpoint);
      assert.equal(existsSync(join(train_dir, 'items.csv')), step !== undefined);

      assert.equal(await run(given, engine), 0);
      await assertWhole(train_dir);
      assert.deepEqual(contents(train_dir), contents(whole.train_dir));
      assert.deepEqual(evaluationsOf(train_dir), evaluationsOf(whole.train_dir));
      assert.equal(process.listenerCount('SIGTERM'), 0);
    });
  }
}

testSignals(await createWasmEngine(), [
  ['while the engine loads', { signature: 'load', call: 1 }, undefined],
  ['within an epoch', { signature: 'train', call: 4 }, 6],
  ['while an evaluation begins', { signature: 'predict', call: 1 }, 4],
  ['during the evaluation after the last step', { signature: 'predict', call: 3 }, 8],
  ['while the embedding is made', { signature: 'embed', call: 1 }, 8],
]);

const { engine, skip } = await tensorFlowOrSkip();
test('TensorFlow is there', { skip }, () => {});
if (engine !== null) {
  testSignals(engine, [['while an evaluation begins', { signature: 'predict', call: 1 }, 4]]);
}
