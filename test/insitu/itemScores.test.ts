/** Every score against the NumPy implementation in test/python/item_scores_reference.py. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Engine } from '../../src/engines/engine.ts';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { gradients } from '../../src/graph/gradients.ts';
import { Graph } from '../../src/graph/graph.ts';
import {
  cast,
  constant,
  oneHot,
  placeholder,
  reshape,
  shapeOf,
  slice,
} from '../../src/graph/ops/array.ts';
import { argMax, matMul, mean } from '../../src/graph/ops/math.ts';
import { biasAdd, softmax, softmaxCrossEntropy } from '../../src/graph/ops/nn.ts';
import { itemScores } from '../../src/insitu/itemScores.ts';
import { KnownItems } from '../../src/insitu/knownItems.ts';
import { scores, suspicion } from '../../src/insitu/scores.ts';
import { FollowedClass } from '../../src/insitu/suggestedLabels.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { hashed } from '../hashed.ts';

const [items, classes, features, epochs] = [12, 5, 7, 4];
const expected = JSON.parse(
  readFileSync(join(packageRoot, 'test/insitu/itemScores.golden.json'), 'utf8'),
) as Record<'Logits' | 'features', Record<string, number[]>>;
const labels = Int32Array.from({ length: items }, (_, item) => (item * 3) % classes);
const twice = (values: Float64Array) => Float32Array.from(values, (value) => 2 * value);

/** Trains nothing: shows each item once an epoch, in batches of 5, 5 and 2, in a changing order. */
async function record(engine: Engine, selectionLayer: 'Logits' | 'features') {
  const graph = new Graph();
  const h = placeholder(graph, 'float32', [-1, features], 'features');
  const y = placeholder(graph, 'int32', [-1], 'labels');
  const weights = constant(graph, 'float32', twice(hashed(features * classes, 1)), [
    features,
    classes,
  ]);
  const bias = constant(graph, 'float32', Float32Array.from(hashed(classes, 2)));
  const logits = biasAdd(matMul(h, weights), bias);
  const loss = mean(softmaxCrossEntropy(logits, oneHot(y, classes)).loss);
  const batchSize = cast(reshape(slice(shapeOf(y), [0], [1]), []), 'float32');
  const [gradient] = gradients(loss, [h]);
  const layer = { name: 'features', activation: h, gradient: gradient!, batchSize };
  const probabilities = softmax(logits);
  const packed = itemScores(logits, probabilities, y, selectionLayer === 'features' ? layer : null);
  const session = await engine.load(graph, {
    score: {
      inputs: { features: h, labels: y },
      outputs: { scores: packed, probabilities, output: argMax(logits) },
    },
  });
  const known = new KnownItems(labels, classes);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const all = twice(hashed(items * features, 10 + epoch));
    const order = Array.from({ length: items }, (_, i) => (i * 5 + epoch) % items);
    for (const [from, to] of [
      [0, 5],
      [5, 10],
      [10, 12],
    ] as const) {
      const itemIndices = order.slice(from, to);
      const data = Float32Array.from(
        itemIndices.flatMap((item) => [...all.subarray(item * features, (item + 1) * features)]),
      );
      const ofBatch = Int32Array.from(itemIndices, (item) => labels[item]!);
      const outputs = await session.run('score', {
        features: { data, shape: [itemIndices.length, features] },
        labels: { data: ofBatch, shape: [itemIndices.length] },
      });
      const output = outputs['output']!.data;
      const probabilities = outputs['probabilities']!.data;
      const packed = outputs['scores']!.data;
      known.add({ itemIndices, labels: ofBatch, output, scores: packed, probabilities });
    }
  }
  await session.close();
  return known;
}

const { engine: tensorflow, skip } = await tensorFlowOrSkip();
const engines: [string, Engine | null, string | false][] = [
  ['wasm', await createWasmEngine(), false],
  ['tensorflow', tensorflow, skip],
];

for (const [name, engine, skipped] of engines) {
  for (const layer of ['Logits', 'features'] as const) {
    test(`${name}: every score at the ${layer} agrees with NumPy`, { skip: skipped }, async () => {
      const known = await record(engine!, layer);
      const names = Object.keys(expected[layer]).filter((key) => !key.startsWith('suggested'));
      assert.deepEqual([...scores.keys()].sort(), names.sort());
      for (const [score, { value }] of scores) {
        const reference = expected[layer][score]!;
        const scale = Math.max(1, ...reference.map(Math.abs));
        reference.forEach((wanted, item) => {
          const got = value(known, item);
          const error = Math.abs(got - wanted) / scale;
          assert.ok(error <= 1e-5, `${score} of item ${item}: got ${got}; expected ${wanted}`);
        });
      }
      for (let item = 0; item < items; item++) {
        const { label, probability } = known.suggested.suggestion(item);
        assert.equal(label, expected[layer]['suggested_label']![item]);
        assert.ok(Math.abs(probability - expected[layer]['suggested_probability']![item]!) < 1e-6);
      }
    });
  }
}

const recorded = await record(engines[0]![1]!, 'Logits');

test('what goes on from its state ends with the same scores', () => {
  const whole = new KnownItems(labels, classes, structuredClone(recorded.state));
  const presentation = {
    itemIndices: [3, 7],
    scores: Float32Array.from(hashed(18, 30)),
    output: [1, 2],
    labels: [labels[3]!, labels[7]!],
    probabilities: [0.1, 0.6, 0.1, 0.1, 0.1, 0.2, 0.1, 0.3, 0.3, 0.1],
  };
  // Counts pairs from here on.
  whole.pairDisagreement(0);
  const resumed = new KnownItems(labels, classes, structuredClone(whole.state));
  whole.add(presentation);
  resumed.add(presentation);
  for (const score of scores.values()) {
    for (let item = 0; item < items; item++) {
      assert.equal(suspicion(score, resumed, item), suspicion(score, whole, item));
    }
  }
  assert.equal(resumed.table.at(3, 'epochs'), recorded.table.at(3, 'epochs') + 1);
});

test('a state of other data is refused', () => {
  assert.throws(
    () => new KnownItems(new Int32Array(items + 1), classes, recorded.state),
    /--train_dir: .* 12 items; .* 13/,
  );
});

test('lower margins and confidences are more suspicious, and counts are told apart by the loss', () => {
  const margin = scores.get('margin_mean')!;
  assert.equal(suspicion(margin, recorded, 4), -margin.value(recorded, 4));
  const wrong = scores.get('wrong_events')!;
  const values = Array.from({ length: items }, (_, item) => suspicion(wrong, recorded, item));
  assert.equal(new Set(values).size, items);
  values.forEach((value, item) => {
    assert.equal(Math.floor(value), wrong.value(recorded, item));
  });
});

test('an item that was not seen yet has no suspicion', () => {
  const known = new KnownItems([0, 1], 2);
  for (const score of scores.values()) assert.ok(Number.isNaN(suspicion(score, known, 0)));
});

test('following one class gives the class that most of the weight goes to', () => {
  const followed = new FollowedClass(1, 3);
  const shown = [
    [0.5, 0.3, 0.2],
    [0.1, 0.8, 0.1],
    [0.2, 0.7, 0.1],
    [0.6, 0.3, 0.1],
    [0.1, 0.8, 0.1],
  ];
  for (const probabilities of shown) followed.add([0], probabilities);
  const { label, probability } = followed.suggestion(0);
  assert.equal(label, 1);
  assert.ok(probability > 0.5 && probability < 0.8);
});
