import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readEvents } from '../../src/events/readEvents.ts';
import { pluginOf } from '../../src/events/series.ts';
import { losslens, startLosslens, temporaryFolder } from '../losslens.ts';
import { skipWithoutPython } from '../python.ts';
import { epochs, shortRunArguments, shortRunData } from './shortRun.ts';
import { type LoadingMode, loadingModes, TensorBoard, until } from './tensorboard.ts';

const skip = skipWithoutPython('tensorflow', 'tensorboard');
const lastStep = 2 * epochs;

/** A record of selections.jsonl or monitoring.jsonl. */
interface JsonLine {
  readonly epoch: number;
  readonly rank: number;
  readonly step: number;
  readonly item: number;
}

const modes = Object.keys(loadingModes) as LoadingMode[];

/** Resolves when a run has printed the line of a step. */
function reached(child: ChildProcess, step: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stderr!.on('data', (chunk) => {
      text += chunk;
      if (text.includes(`step ${step} of`)) resolve();
    });
    child.on('close', () => reject(new Error(`the run ended before step ${step}: ${text}`)));
  });
}

/** Fails when steps do not grow. */
function assertOrdered(steps: readonly number[], what: string): void {
  for (let i = 1; i < steps.length; i++) {
    assert.ok(steps[i]! > steps[i - 1]!, `${what}: ${steps.join(' ')}`);
  }
}

/** Asks for a series; empty where TensorBoard does not know the tag yet. */
async function scalarSteps(board: TensorBoard, tag: string): Promise<number[]> {
  const points = await board.scalars('run', tag).catch(() => []);
  return points.map(([, step]) => step);
}
async function imageSteps(board: TensorBoard, tag: string): Promise<number[]> {
  const images = await board.images('run', tag).catch(() => []);
  return images.map(({ step }) => step);
}

test('a TensorBoard that watches a run being killed and resumed loses, doubles and misplaces nothing', {
  skip,
  timeout: 240_000,
}, async () => {
  const logdir = temporaryFolder();
  const trainDir = join(logdir, 'run');
  const args = shortRunArguments(shortRunData(), trainDir);
  const samples = `images=${lastStep},text=${lastStep}`;
  const starting = modes.map((mode) => TensorBoard.start(logdir, mode, samples));
  after(() => Promise.all(starting.map(async (board) => (await board).stop())));

  // A first part that ends cleanly, with a checkpoint.
  const [first, firstEnded] = startLosslens(args);
  await reached(first, 5);
  first.kill('SIGTERM');
  const { code, stderr } = await firstEnded;
  assert.equal(code, 143, stderr);
  const checkpoint = Number(/stopped after (\d+) steps/.exec(stderr)![1]);

  // A second part that is killed while it is watched, well after that checkpoint.
  const killedAt = checkpoint + 8;
  const [second, secondEnded] = startLosslens(args);
  after(() => second.kill('SIGKILL'));
  await reached(second, killedAt);
  second.kill('SIGSTOP');
  const boards = await Promise.all(starting);
  for (const board of boards) {
    const steps = await until(
      () => scalarSteps(board, 'total_loss'),
      // The line of a step is printed before the step is logged, and the log is written beside the steps.
      (found) => (found.at(-1) ?? 0) >= killedAt - 4,
      'the scalars of a run in training',
    );
    assertOrdered(steps, 'total_loss of a run in training');
    await until(
      () => imageSteps(board, '1 Selection View/Logits'),
      (found) => (found.at(-1) ?? 0) > checkpoint,
      'the Selection Views of a run in training',
    );
  }
  // Nobody else writes to its folder meanwhile.
  const other = await losslens(args);
  assert.equal(other.code, 1);
  assert.match(
    other.stderr,
    new RegExp(
      `^losslens: --train_dir: ".*run" is in use by process ${second.pid} on .* since 2.* UTC; expected .*\\n$`,
    ),
  );
  second.kill('SIGKILL');
  await secondEnded;

  // The third part does what the second one had done since the checkpoint again.
  const [third, thirdEnded] = startLosslens(args);
  let isOver = false;
  third.on('close', () => {
    isOver = true;
  });
  while (!isOver) {
    for (const board of boards) {
      assertOrdered(await scalarSteps(board, 'total_loss'), 'total_loss of a resumed run');
      assertOrdered(await imageSteps(board, '1 Selection View/Logits'), 'views of a resumed run');
    }
    // Whoever watches leaves the processors to the run.
    await sleep(300);
  }
  const resumed = await thirdEnded;
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.match(resumed.stderr, new RegExp(`resuming .*model\\.ckpt-${checkpoint}\\n`));

  // What was logged last of each tag and step.
  const logged = new Map<string, Map<number, unknown>>();
  for (const { step, values } of readEvents(trainDir)) {
    for (const value of values) {
      const { tag, tensor } = value;
      const key = `${pluginOf(value)} ${tag}`;
      const series = logged.get(key) ?? new Map<number, unknown>();
      const numbers = tensor['float_val'] as number[] | undefined;
      const pictures = (tensor['string_val'] as Buffer[] | undefined)?.slice(2);
      const [content] = numbers ?? pictures ?? [];
      logged.set(key, series.set(step, content));
    }
  }
  const scalars = [...logged].filter(([key]) => key.startsWith('scalars '));
  const images = [...logged].filter(([key]) => key.startsWith('images '));
  const everyStep = Array.from({ length: lastStep }, (_, i) => i + 1);
  assert.deepEqual(
    [...logged.get('scalars total_loss')!.keys()].sort((a, b) => a - b),
    everyStep,
  );

  for (const [i, board] of boards.entries()) {
    const what = (tag: string) => `${tag} (${modes[i]})`;
    for (const [key, values] of scalars) {
      const tag = key.slice('scalars '.length);
      const expected = [...values].sort(([a], [b]) => a - b);
      const got = await until(
        () => board.scalars('run', tag),
        (points) => points.length >= expected.length && points.at(-1)![1] === expected.at(-1)![0],
        what(tag),
      );
      assert.deepEqual(
        got.map(([, step, value]) => [step, value]),
        expected,
        what(tag),
      );
    }
    for (const [key, values] of images) {
      const tag = key.slice('images '.length);
      const expected = [...values].sort(([a], [b]) => a - b);
      const got = await until(
        () => board.images('run', tag),
        (points) => points.length >= expected.length && points.at(-1)!.step === expected.at(-1)![0],
        what(tag),
      );
      assert.deepEqual(
        got.map(({ step }) => step),
        expected.map(([step]) => step),
        what(tag),
      );
      for (const [j, { query }] of got.entries()) {
        assert.ok((await board.image(query)).equals(expected[j]![1] as Buffer), what(tag));
      }
    }
    const selectionSteps = await imageSteps(board, '1 Selection View/Logits');
    for (let step = 2; step <= lastStep; step += 2) assert.ok(selectionSteps.includes(step));
    assert.deepEqual(board.warnings, []);
  }

  for (const [file, key] of [
    ['selections.jsonl', ({ epoch, rank }: JsonLine) => `${epoch}/${rank}`],
    ['monitoring.jsonl', ({ step, item }: JsonLine) => `${step}/${item}`],
  ] as const) {
    const lines = readFileSync(join(trainDir, file), 'utf8').trimEnd().split('\n');
    const keys = lines.map((line) => key(JSON.parse(line) as JsonLine));
    assert.equal(new Set(keys).size, keys.length, `${file} holds nothing twice`);
  }
});
