import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dataset } from '../../datasets/dataset.ts';
import type { Session } from '../../src/engines/engine.ts';
import { classMetrics } from '../../src/evaluation/classMetrics.ts';
import { Confusion } from '../../src/evaluation/confusion.ts';
import {
  evaluationLine,
  evaluationRecord,
  evaluationSummaries,
  evaluationTables,
} from '../../src/evaluation/evaluationReport.ts';
import { type EvaluateOptions, type Evaluation, evaluate } from '../../src/evaluation/evaluator.ts';
import type { BatchPipeline } from '../../src/preprocessing/batchPipeline.ts';
import { random } from '../../src/random.ts';
import { runPython, skipWithoutPython } from '../python.ts';

const classNames = ['cat', 'dog', 'ship', 'car', 'bee', 'owl'];

/** An evaluation of a network whose probabilities are these, fed in batches of at most three items. */
function evaluateRows(
  labels: readonly number[],
  probabilities: readonly (readonly number[])[],
  options?: EvaluateOptions,
  names: readonly string[] = classNames,
): Promise<Evaluation> {
  let first = 0;
  const session: Session = {
    run: async (_signature, feeds) => {
      const size = feeds['images']!.shape[0]!;
      const rows = probabilities.slice(first, first + size);
      first += size;
      return {
        probabilities: { data: Float32Array.from(rows.flat()), shape: [size, names.length] },
      };
    },
    close: async () => {},
  };
  const pipeline = {
    async *epoch() {
      for (let i = 0; i < labels.length; i += 3) {
        const batch = Int32Array.from(labels.slice(i, i + 3));
        const data = new Float32Array(batch.length);
        const feeds = { images: { data, shape: [batch.length, 1, 1, 1] } };
        yield { itemIndices: new Uint32Array(batch.length), labels: batch, feeds };
      }
    },
  };
  return evaluate(
    session,
    { classNames: names } as unknown as Dataset,
    pipeline as unknown as BatchPipeline,
    options,
  );
}

const labels = [0, 1, 1, 2, 5];
const rows = [
  [0.5, 0.1, 0.1, 0.1, 0.1, 0.1],
  [0.4, 0.35, 0.1, 0.05, 0.05, 0.05],
  [0.1, 0.6, 0.1, 0.1, 0.05, 0.05],
  [0.2, 0.2, 0.2, 0.15, 0.15, 0.1],
  [0.3, 0.25, 0.2, 0.15, 0.06, 0.04],
];

test('counts right items, those among the five most probable, and what is taken for what', async () => {
  const evaluation = await evaluateRows(labels, rows);
  assert.equal(evaluation.items, 5);
  assert.equal(evaluation.accuracy, 2 / 5);
  // The owl's own probability is the sixth.
  assert.equal(evaluation.recallAt5, 4 / 5);
  assert.deepEqual(evaluation.confusion.dense(), [
    [1, 0, 0, 0, 0, 0],
    [1, 1, 0, 0, 0, 0],
    [1, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0],
    [1, 0, 0, 0, 0, 0],
  ]);
  const expected = -[0.5, 0.35, 0.6, 0.2, 0.04].reduce((sum, p) => sum + Math.log(p), 0) / 5;
  assert.ok(Math.abs(evaluation.crossEntropy - expected) < 1e-6);
});

test('the classes of ImageNet-21k take room for what was seen, not for their square', async () => {
  const names = Array.from({ length: 21_841 }, (_, k) => `n${k}`);
  const some = [7, 21_840, 12_345];
  const certain = some.map((label) => {
    const row = new Array<number>(names.length).fill(0);
    row[label === 7 ? 8 : label] = 1;
    return row;
  });
  const before = process.memoryUsage().heapUsed;
  const evaluation = await evaluateRows(some, certain, {}, names);
  assert.equal(evaluation.accuracy, 2 / 3);
  const line = JSON.stringify(evaluationRecord(evaluation)['confusion_counts']);
  assert.deepEqual(JSON.parse(line), [
    { label: 7, output: 8, items: 1 },
    { label: 12_345, output: 12_345, items: 1 },
    { label: 21_840, output: 21_840, items: 1 },
  ]);
  const summaries = await evaluationSummaries(evaluation, 1);
  assert.deepEqual(
    summaries.map(({ tag }) => tag),
    ['eval/Accuracy', 'eval/Recall_5', 'eval/Cross_entropy', 'eval/Classes'],
  );
  const table = evaluationTables(evaluation);
  assert.match(table, /\n… and 21801 classes with a higher F1, or without items$/);
  // Nothing is known of classes without items: they are not the worst.
  const [, ...first] = table.split('\n', 4).map((row) => row.split(' ')[0]);
  assert.deepEqual(first, [names[7], names[12_345], names[21_840]]);
  // A dense matrix of float64 takes 3.8 GB.
  assert.ok(process.memoryUsage().heapUsed - before < 300e6);
});

test('what is not a number is wrong, counted, and has a probability of 0', async () => {
  const evaluation = await evaluateRows([0, 1], [rows[0]!, new Array(6).fill(Number.NaN)]);
  assert.equal(evaluation.accuracy, 1 / 2);
  assert.equal(evaluation.recallAt5, 1 / 2);
  assert.equal(evaluation.notFinite, 1);
  assert.ok(evaluation.crossEntropy > 40 && evaluation.crossEntropy < 50);
  assert.match(
    evaluationLine(evaluation),
    / nats; for 1 of them the network gives NaN, which counts as wrong$/,
  );
  const finite = await evaluateRows([0], [rows[0]!]);
  assert.match(evaluationLine(finite), / nats$/);
});

test('stops after so many batches, or when it is told to', async () => {
  assert.equal((await evaluateRows(labels, rows, { maxBatches: 1 })).items, 3);
  const signal = AbortSignal.abort();
  await assert.rejects(evaluateRows(labels, rows, { signal }), { name: 'AbortError' });
});

test('precision, recall and F1 of each class, none where nothing is counted', () => {
  const confusion = new Confusion(4);
  [
    [6, 2, 0, 0],
    [1, 3, 0, 0],
    [0, 0, 0, 0],
    [0, 1, 0, 0],
  ].forEach((row, label) => {
    row.forEach((count, output) => {
      for (let i = 0; i < count; i++) confusion.add(label, output);
    });
  });
  const metrics = classMetrics(confusion);
  assert.deepEqual(metrics[0], {
    items: 8,
    precision: 6 / 7,
    recall: 6 / 8,
    f1: 12 / 15,
    mistakenFor: { label: 1, items: 2 },
  });
  assert.deepEqual(metrics[1]!.precision, 3 / 6);
  assert.deepEqual(metrics[2], {
    items: 0,
    precision: null,
    recall: null,
    f1: null,
    mistakenFor: null,
  });
  assert.deepEqual(metrics[3], {
    items: 1,
    precision: null,
    recall: 0,
    f1: 0,
    mistakenFor: { label: 1, items: 1 },
  });
});

test('the tables name classes, numbers and mistakes', async () => {
  const text = evaluationTables(await evaluateRows(labels, rows));
  assert.match(text, /^class {2}items {2}precision {2}recall +F1 {2}most often taken for\n/);
  assert.match(text, /\ndog {8}2 {5}1\.0000 {2}0\.5000 {2}0\.6667 {2}cat \(1\)\n/);
  assert.match(text, /\nbee {8}0 {10}– {7}– {7}–\n/);
  assert.match(text, /\nlabel \\ output {2}0 {2}1 {2}2 {2}3 {2}4 {2}5\n0 cat {11}1 {2}· /);
});

test('the record for programs holds the same numbers', async () => {
  const record = evaluationRecord(await evaluateRows(labels, rows));
  assert.equal(record['accuracy'], 0.4);
  assert.deepEqual((record['classes'] as object[])[1], {
    class: 'dog',
    items: 2,
    precision: 1,
    recall: 0.5,
    f1: 2 / 3,
  });
});

test('the summaries are those of TF-Slim, a table, a picture and a curve for each class', async () => {
  const summaries = await evaluationSummaries(await evaluateRows(labels, rows), 7);
  const plugin = ({ metadata }: (typeof summaries)[number]) =>
    (metadata['plugin_data'] as { plugin_name: string }).plugin_name;
  assert.deepEqual(
    summaries.map((summary) => [summary.tag, plugin(summary)]),
    [
      ['eval/Accuracy', 'scalars'],
      ['eval/Recall_5', 'scalars'],
      ['eval/Cross_entropy', 'scalars'],
      ['eval/Classes', 'text'],
      ['eval/Confusion_matrix', 'images'],
      ...classNames.map((name) => [`eval/PR/${name}`, 'pr_curves']),
    ],
  );
});

test('precision–recall curves are those of TensorBoard', {
  skip: skipWithoutPython('tensorboard', 'numpy'),
}, async () => {
  const next = random(3);
  const many = Array.from({ length: 60 }, () => Math.floor(next() * classNames.length));
  const drawn = many.map((label) => {
    const scores = classNames.map((_, k) => next() + (k === label ? 0.7 : 0));
    const total = scores.reduce((sum, score) => sum + score, 0);
    return scores.map((score) => score / total);
  });
  const summaries = await evaluationSummaries(await evaluateRows(many, drawn), 1);
  const { tensor } = summaries.find(({ tag }) => tag === 'eval/PR/dog')!;
  const expected = runPython(
    'pr_curve_reference.py',
    JSON.stringify(many.map((label) => label === 1)),
    JSON.stringify(drawn.map((row) => Math.fround(row[1]!))),
    '201',
  ) as number[][];
  const actual = tensor['float_val'] as number[];
  expected.flat().forEach((value, i) => {
    assert.ok(Math.abs(actual[i]! - value) < 1e-6, `${i}: got ${actual[i]}; expected ${value}`);
  });
  assert.equal(actual.length, 6 * 201);
});
