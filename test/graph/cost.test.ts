import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CostCounter } from '../../src/graph/cost.ts';
import { Graph } from '../../src/graph/graph.ts';
import { encodeGraphDef } from '../../src/graph/graphDef.ts';
import { constant, placeholder, reshape } from '../../src/graph/ops/array.ts';
import { addN, matMul, mul, sum } from '../../src/graph/ops/math.ts';
import { conv2d, maxPool } from '../../src/graph/ops/nn.ts';
import { applyGradientDescent, getVariable } from '../../src/graph/ops/variables.ts';
import { temporaryFolder } from '../losslens.ts';
import { trainingGraph } from '../model/trainingSession.ts';
import { pythonOutput, skipWithoutPython } from '../python.ts';

const batchSize = 5;

test('operations and bytes of single nodes are as counted by hand', () => {
  const graph = new Graph();
  const images = placeholder(graph, 'float32', [-1, 8, 8, 3], 'images');
  const filter = constant(graph, 'float32', new Float32Array(3 * 3 * 3 * 4), [3, 3, 3, 4]);
  const counter = new CostCounter(batchSize);
  const convolved = conv2d(images, filter, { stride: 1, padding: 'SAME' });
  assert.deepEqual(counter.of(convolved.node), {
    flops: 2 * batchSize * 8 * 8 * 4 * (3 * 3 * 3),
    bytes: 4 * (batchSize * 8 * 8 * 3 + 3 * 3 * 3 * 4 + batchSize * 8 * 8 * 4),
  });
  const pooled = maxPool(convolved, { window: 2, stride: 2, padding: 'VALID' });
  assert.equal(counter.of(pooled.node).flops, 4 * batchSize * 4 * 4 * 4);
  // The rows of what was reshaped are not the items any more.
  const rows = reshape(pooled, [-1, 4]);
  assert.deepEqual(counter.of(rows.node), { flops: 0, bytes: 0 });
  const weights = constant(graph, 'float32', new Float32Array(4 * 6), [4, 6]);
  const product = matMul(rows, weights);
  assert.equal(counter.of(product.node).flops, 2 * (batchSize * 16) * 4 * 6);
  // Here the items are what is summed over.
  const derivative = matMul(rows, product, { transposeA: true });
  assert.equal(counter.of(derivative.node).flops, 2 * 4 * (batchSize * 16) * 6);
  assert.equal(counter.of(sum(mul(product, product), [1]).node).flops, batchSize * 16 * 6);
  assert.equal(counter.of(addN([product, product, product]).node).flops, 2 * batchSize * 16 * 6);
});

test('an update reads the variable and its gradient, and writes the variable', () => {
  const graph = new Graph();
  const variable = getVariable(graph, 'w', [10], { initializer: () => new Float32Array(10) });
  const rate = placeholder(graph, 'float32', [], 'rate');
  const gradient = placeholder(graph, 'float32', [10], 'gradient');
  const update = applyGradientDescent(variable, rate, gradient);
  assert.deepEqual(new CostCounter(1).of(update), { flops: 2 * 10, bytes: 4 * (3 * 10 + 1) });
});

/** Ops that TensorFlow's profiler counts by the same convention. */
const countedAlike = [
  ...['Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter', 'MatMul', 'BiasAdd', 'MaxPool'],
  ...['Mul', 'Sub', 'RealDiv', 'Square', 'AddN', 'Softmax', 'Maximum', 'Equal', 'Neg'],
];

for (const [modelName, imageShape] of [
  ['lenet', [28, 28, 1]],
  ['cifarnet', [32, 32, 3]],
  ['resnet_v1_50', [64, 64, 3]],
] as const) {
  test(`the operations of ${modelName}'s training are those that TensorFlow counts`, {
    skip: skipWithoutPython('tensorflow'),
  }, () => {
    const { graph } = trainingGraph(modelName, imageShape, ['all']);
    const file = join(temporaryFolder(), 'graph.pb');
    writeFileSync(file, encodeGraphDef(graph));
    const counted = JSON.parse(pythonOutput('test/python/flops.py', file, String(batchSize)));
    const counter = new CostCounter(batchSize);
    for (const op of countedAlike) {
      const nodes = graph.nodes.filter((node) => node.op === op);
      const flops = nodes.reduce((total, node) => total + counter.of(node).flops, 0);
      const expected = counted[op] ?? 0;
      // With strides it counts from the pixels before them, some of which no window reaches.
      const tolerance = op.startsWith('Conv2DBackprop') ? 0.03 * expected : 0;
      assert.ok(Math.abs(flops - expected) <= tolerance, `${op}: ${flops} and ${expected}`);
    }
  });
}
