import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scores } from '../../src/insitu/scores.ts';
import { briefly, losslens, temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { skipWithoutPython } from '../python.ts';
import { readWithTensorFlow } from '../tensorboard/readers.ts';

const data = temporaryFolder();
writeSmallMnist(data, 200, 10);
const trainDir = join(temporaryFolder(), 'run');
const { code, stderr } = await losslens([
  'train',
  '--engine=wasm',
  ...briefly,
  `--train_dir=${trainDir}`,
  '--dataset_name=mnist',
  `--dataset_dir=${data}`,
  '--label_noise=0.1',
  '--label_noise_type=pairwise',
  '--model_name=lenet',
  '--batch_size=50',
  '--max_number_of_epochs=1',
  '--optimizer=momentum',
  '--learning_rate=0.01',
  '--seed=1',
  '--ns=12',
  '--rank_by=loss_mean',
  '--class_quota=2',
]);

function rowsOf(file: string): string[][] {
  const lines = readFileSync(join(trainDir, file), 'utf8').trimEnd().split('\n');
  return lines.map((line) => line.split(','));
}

test('a run with planted errors says what to expect of the items that rank first', () => {
  assert.equal(code, 0, stderr);
  const expectation =
    /of the 100 top-ranked items by loss_mean, expect about (\d+) to be wrong \(95 % interval (\d+) to (\d+); measured with 10 % pairwise label errors/;
  const [, expected, low, high] = expectation.exec(stderr)?.map(Number) ?? [];
  const planted = new Set(
    rowsOf('label_noise.csv')
      .slice(1)
      .map(([item]) => Number(item)),
  );
  assert.equal(planted.size, 20);
  const [header, ...items] = rowsOf('items.csv');
  const column = header!.indexOf('loss_mean');
  const first = items
    .map((row) => [Number(row[0]), Number(row[column])] as const)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 100);
  assert.equal(expected, first.filter(([item]) => planted.has(item)).length);
  assert.ok(low! < expected! && expected! < high!);
});

test('detection.csv measures every score, the best first', () => {
  const [header, ...rows] = rowsOf('detection.csv');
  assert.deepEqual(header, [
    'score',
    'average_precision',
    ...[10, 20, 64, 100].map((length) => `precision_at_${length}`),
  ]);
  assert.deepEqual(rows.map(([name]) => name!).sort(), [...scores.keys()].sort());
  const values = rows.map(([, value]) => Number(value));
  assert.deepEqual(
    values,
    [...values].sort((a, b) => b - a),
  );
});

test('the chosen score ranks the selection, and no label has more than its quota', () => {
  const [header, ...rows] = rowsOf('selection.csv');
  assert.equal(rows.length, 12);
  const scoreColumn = rows.map((row) => Number(row[header!.indexOf('score')]));
  assert.deepEqual(
    scoreColumn,
    [...scoreColumn].sort((a, b) => b - a),
  );
  const counts = new Map<string, number>();
  for (const row of rows) {
    const label = row[header!.indexOf('label')]!;
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  assert.ok(Math.max(...counts.values()) <= 2);
});

const skip = skipWithoutPython('tensorflow', 'tensorboard');
test('TensorBoard has the table as text and the picture of all items', { skip }, () => {
  const { kept } = readWithTensorFlow(trainDir)[0]!;
  assert.equal(kept['detection/scores'], 1);
  assert.equal(kept['1 Selection View/scatter'], 1);
});

test('an unknown score is refused with those that there are', async () => {
  const { code, stderr } = await losslens(['train', '--rank_by=los']);
  assert.equal(code, 2);
  assert.match(stderr, /--rank_by: got "los"; expected one of contribution, .*wrong_events/);
});
