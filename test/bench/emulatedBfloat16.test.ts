import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withEmulatedProducts } from '../../bench/emulatedBfloat16.ts';
import { emulationErrors } from '../../bench/emulationError.ts';
import { median } from '../../bench/measure.ts';
import { firstBatchOf } from '../../bench/trainingStep.ts';
import { makeShapes } from '../../datasets/builtIn/shapes.ts';
import { cpuFeatures } from '../../src/engines/cpuFeatures.ts';
import type { Node } from '../../src/graph/graph.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { trainingGraph } from '../model/trainingSession.ts';

const { graph } = trainingGraph('cifarnet', [32, 32, 3], [], 'sgd', { computeType: 'bfloat16' });
const emulated = withEmulatedProducts(graph).graph;
const named = (name: string) => emulated.nodes.find((node) => node.name === name)!;
const typeOf = ({ outputs }: Node) => outputs[0]!.dtype;
/** Ops of the nodes that take what a node gives. */
const readersOf = (node: Node) =>
  emulated.nodes.filter(({ inputs }) => inputs.includes(node.outputs[0]!)).map(({ op }) => op);

test('no product is left in bfloat16, and what is left is what it was', () => {
  const products = /^(Conv2D.*|MatMul)$/;
  for (const original of graph.nodes) {
    const copy = named(original.name);
    assert.equal(copy.op, original.op);
    if (products.test(copy.op)) assert.equal(typeOf(copy), 'float32', copy.name);
    else if (!/^(BiasAdd|BiasAddGrad|Relu)$/.test(copy.op)) {
      assert.deepEqual(copy.attrs, original.attrs, copy.name);
    }
  }
  assert.ok(emulated.nodes.some((node) => node.op === 'Mul' && typeOf(node) === 'bfloat16'));
});

test('what a product gives is rounded once, behind its bias and its ReLU', () => {
  assert.deepEqual(readersOf(named('CifarNet/conv1/Conv2D')), ['BiasAdd']);
  assert.deepEqual(readersOf(named('CifarNet/conv1/BiasAdd')), ['Relu']);
  assert.deepEqual(readersOf(named('CifarNet/conv1/Relu')), ['Cast']);
  assert.deepEqual(readersOf(named('CifarNet/logits/MatMul')), ['Cast']);
});

test('only the derivatives of biases that come with a filter’s are in float32', () => {
  const ofLayer = (name: string) => named(`gradients/CifarNet/${name}/BiasAdd_grad/BiasAddGrad`);
  assert.equal(typeOf(ofLayer('conv2')), 'float32');
  assert.equal(typeOf(ofLayer('fc3')), 'bfloat16');
});

const { engine, skip } = await tensorFlowOrSkip();
const withoutKernels = cpuFeatures().has('avx512f') ? false : 'oneDNN has no bfloat16 here';

test('a step is that of TensorFlow’s own kernels within the rounding of few numbers', {
  skip: skip || withoutKernels,
}, async () => {
  const distances = await emulationErrors(engine!, {
    ...{ modelName: 'cifarnet', stepsBefore: 0 },
    // Of the built-in shapes those of the batch alone: to draw all of them takes longer than the steps.
    first: await firstBatchOf(makeShapes('train', 8), 'cifarnet', 8),
    monitoredLayers: ['conv1', 'pool2', 'fc4'],
  });
  // A sum in another order rounds a number to its other neighbour now and then, and all that follows of that item, too.
  for (const { name, emulated } of distances) {
    assert.ok(emulated < 2 ** -6, `${name}: ${emulated}`);
  }
  const probabilities = distances.find(({ name }) => name === 'probabilities')!;
  assert.ok(probabilities.otherItems! < 0.5, `${probabilities.otherItems}`);
  const changes = distances.filter(({ name }) => name.startsWith('change of'));
  const ratio = median(changes.map(({ emulated, float32 }) => emulated / float32));
  assert.ok(ratio < 0.1, `${ratio} of what float32 differs by`);
});
