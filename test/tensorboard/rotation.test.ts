import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventWriter } from '../../src/events/eventWriter.ts';
import { eventFiles } from '../../src/events/readEvents.ts';
import { scalarSummary } from '../../src/events/summaries.ts';
import { temporaryFolder } from '../losslens.ts';
import { skipWithoutPython } from '../python.ts';
import { readWithTensorFlow } from './readers.ts';
import { type LoadingMode, loadingModes, TensorBoard, until } from './tensorboard.ts';

const skip = skipWithoutPython('tensorflow', 'tensorboard');
const maxFileBytes = 2000;

/** Logs twice a step as "loss" from one step to another, a step at a time. */
async function logSteps(folder: string, first: number, last: number): Promise<void> {
  const writer = await EventWriter.create(folder, first, undefined, { maxFileBytes });
  await writer.writeGraph(Uint8Array.of());
  for (let step = first; step <= last; step++) {
    await writer.write({ step, values: [scalarSummary('loss', 2 * step)] });
    await writer.flush();
    if (step % 10 === 0) await sleep(100);
  }
  await writer.close();
}

test('a TensorBoard that watches a log of several files being written shows each value once', {
  skip,
  timeout: 120_000,
}, async () => {
  const logdir = temporaryFolder();
  const folder = join(logdir, 'run');
  await logSteps(folder, 0, 100);
  const modes = Object.keys(loadingModes) as LoadingMode[];
  const starting = modes.map((mode) => TensorBoard.start(logdir, mode));
  after(() => Promise.all(starting.map(async (board) => (await board).stop())));
  const boards = await Promise.all(starting);
  const shown = (board: TensorBoard, last: number) =>
    until(
      () => board.scalars('run', 'loss').catch(() => []),
      (points) => points.at(-1)?.[1] === last,
      `the value of step ${last}`,
    );
  for (const board of boards) await shown(board, 100);
  // A resumed run does the last steps again, and goes on for some loads of those who watch.
  await logSteps(folder, 81, 400);
  for (const [i, board] of boards.entries()) {
    const points = await shown(board, 400);
    assert.deepEqual(
      points.map(([, step, value]) => [step, value]),
      Array.from({ length: 401 }, (_, step) => [step, 2 * step]),
      modes[i],
    );
    assert.deepEqual(board.warnings, []);
  }

  const paths = eventFiles(folder);
  assert.ok(paths.length >= 10, `${paths.length} files`);
  for (const path of paths) assert.ok(statSync(path).size < maxFileBytes + 100, path);
  const [{ records, kept, hasGraph }] = readWithTensorFlow(folder) as [
    ReturnType<typeof readWithTensorFlow>[number],
  ];
  const steps = (first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i);
  assert.deepEqual(
    records.filter(({ kind }) => kind === 'summary').map(({ step }) => step),
    [...steps(0, 100), ...steps(81, 400)],
  );
  const ofKind = (kind: string) => records.filter((record) => record.kind === kind);
  assert.deepEqual(
    ofKind('file_version').map(({ file }) => file),
    [...paths.keys()],
  );
  for (const [i, { file, kind }] of records.entries()) {
    if (file !== records[i - 1]?.file) assert.equal(kind, 'file_version', `first of file ${file}`);
  }
  // A start in any other file would have readers drop values.
  assert.deepEqual(
    ofKind('session_log').map(({ step }) => step),
    [0, 81],
  );
  // The accumulator for itself keeps what a resumed run replaces, in however many files it lies.
  assert.equal(kept['loss'], 101 + 320);
  assert.ok(hasGraph);
});
