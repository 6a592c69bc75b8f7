import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import type { HostTensor } from '../../src/engines/engine.ts';
import { findTensorFlowPackage, requireTensorFlow } from '../../src/engines/tensorflowPackage.ts';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { gradients, gradientTable } from '../../src/graph/gradients.ts';
import { Graph, type Tensor } from '../../src/graph/graph.ts';
import { relu6, sigmoid, swish } from '../../src/graph/ops/activations.ts';
import {
  broadcastLike,
  cast,
  concat,
  constant,
  gather,
  identity,
  pad,
  placeholder,
  reshape,
  slice,
  withGradient,
} from '../../src/graph/ops/array.ts';
import { avgPool } from '../../src/graph/ops/averagePool.ts';
import { depthwiseConv2d } from '../../src/graph/ops/depthwise.ts';
import { batchToSpace, dilatedConv2d, spaceToBatch } from '../../src/graph/ops/dilation.ts';
import * as math from '../../src/graph/ops/math.ts';
import * as nn from '../../src/graph/ops/nn.ts';
import { sizeOf } from '../../src/graph/shape.ts';
import { localResponseNormalization } from '../../src/nets/normalization.ts';
import { random } from '../../src/random.ts';
import { tensorFlowOrSkip } from '../engines.ts';

/** One op with the same computation in tfjs, whose autodiff is the reference. */
interface Case {
  /** Shapes of the inputs. */
  readonly shapes: readonly (readonly number[])[];
  readonly build: (...inputs: Tensor[]) => Tensor;
  readonly reference: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** Range of the inputs, (−1, 1) by default; logarithms and roots need positive ones. */
  readonly range?: readonly [number, number];
}

const positive = [0.2, 2] as const;
const m = [3, 4];
const image = [2, 5, 5, 3];

const cases: Record<string, Case> = {
  Identity: { shapes: [m], build: (x) => identity(x!), reference: (x) => tf.clone(x!) },
  Cast: {
    shapes: [m],
    build: (x) => cast(cast(x!, 'bfloat16'), 'float32'),
    reference: (x) => tf.clone(x!),
  },
  Reshape: {
    shapes: [m],
    build: (x) => reshape(x!, [2, -1]),
    reference: (x) => tf.reshape(x!, [2, 6]),
  },
  BroadcastTo: {
    shapes: [[1, 4], m],
    build: (x, like) => math.mul(broadcastLike(x!, like!), like!),
    reference: (x, like) => tf.mul(tf.broadcastTo(x!, [3, 4]), like!),
  },
  Pad: {
    shapes: [m],
    build: (x) =>
      pad(x!, [
        [1, 2],
        [0, 3],
      ]),
    reference: (x) =>
      tf.pad(x!, [
        [1, 2],
        [0, 3],
      ]),
  },
  Slice: {
    shapes: [m],
    build: (x) => slice(x!, [1, 1], [2, 2]),
    reference: (x) => tf.slice(x!, [1, 1], [2, 2]),
  },
  ConcatV2: {
    shapes: [m, [3, 2]],
    build: (a, b) => concat([a!, b!], 1),
    reference: (a, b) => tf.concat([a!, b!], 1),
  },
  GatherV2: {
    shapes: [[5, 2, 3]],
    build: (x) => gather(x!, constant(x!.graph, 'int32', [4, 0, 1, 4, 4, 2], [2, 3])),
    reference: (x) => tf.gather(x!, tf.tensor2d([4, 0, 1, 4, 4, 2], [2, 3], 'int32')),
  },
  AddV2: {
    shapes: [m, [4]],
    build: (a, b) => math.add(a!, b!),
    reference: (a, b) => tf.add(a!, b!),
  },
  AddN: {
    shapes: [m, m, m],
    build: (...xs) => math.addN(xs),
    reference: (...xs) => tf.addN(xs),
  },
  Sub: {
    shapes: [[3, 1], m],
    build: (a, b) => math.sub(a!, b!),
    reference: (a, b) => tf.sub(a!, b!),
  },
  Mul: { shapes: [m, [4]], build: (a, b) => math.mul(a!, b!), reference: (a, b) => tf.mul(a!, b!) },
  RealDiv: {
    shapes: [m, [1, 4]],
    range: positive,
    build: (a, b) => math.div(a!, b!),
    reference: (a, b) => tf.div(a!, b!),
  },
  Pow: {
    shapes: [m, [1, 4]],
    range: positive,
    build: (a, b) => math.pow(a!, b!),
    reference: (a, b) => tf.pow(a!, b!),
  },
  Maximum: {
    shapes: [m, m],
    build: (a, b) => math.maximum(a!, b!),
    reference: (a, b) => tf.maximum(a!, b!),
  },
  Minimum: {
    shapes: [m, m],
    build: (a, b) => math.minimum(a!, b!),
    reference: (a, b) => tf.minimum(a!, b!),
  },
  Neg: { shapes: [m], build: (x) => math.neg(x!), reference: (x) => tf.neg(x!) },
  Abs: { shapes: [m], build: (x) => math.abs(x!), reference: (x) => tf.abs(x!) },
  Square: { shapes: [m], build: (x) => math.square(x!), reference: (x) => tf.square(x!) },
  Sqrt: {
    shapes: [m],
    range: positive,
    build: (x) => math.sqrt(x!),
    reference: (x) => tf.sqrt(x!),
  },
  Rsqrt: {
    shapes: [m],
    range: positive,
    build: (x) => math.rsqrt(x!),
    reference: (x) => tf.rsqrt(x!),
  },
  Exp: { shapes: [m], build: (x) => math.exp(x!), reference: (x) => tf.exp(x!) },
  Log: { shapes: [m], range: positive, build: (x) => math.log(x!), reference: (x) => tf.log(x!) },
  Sum: { shapes: [m], build: (x) => math.sum(x!, [1]), reference: (x) => tf.sum(x!, 1) },
  Mean: {
    shapes: [image],
    build: (x) => math.mean(x!, [1, 2], { keepDims: true }),
    reference: (x) => tf.mean(x!, [1, 2], true),
  },
  Max: { shapes: [m], build: (x) => math.max(x!, [-1]), reference: (x) => tf.max(x!, 1) },
  'Max over time': {
    shapes: [[2, 5, 3]],
    build: (x) => math.max(x!, [1]),
    reference: (x) => tf.max(x!, 1),
  },
  'Conv2D along one dimension': {
    shapes: [
      [2, 1, 7, 3],
      [1, 4, 3, 2],
    ],
    build: (x, filter) => nn.conv2d(x!, filter!, { stride: 1, padding: 'SAME' }),
    reference: (x, filter) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same'),
  },
  Conv2D: {
    shapes: [image, [3, 3, 3, 4]],
    build: (x, filter) => nn.conv2d(x!, filter!, { stride: 1, padding: 'SAME' }),
    reference: (x, filter) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same'),
  },
  BiasAdd: {
    shapes: [image, [3]],
    build: (x, bias) => nn.biasAdd(x!, bias!),
    reference: (x, bias) => tf.add(x!, bias!),
  },
  Relu: { shapes: [m], build: (x) => nn.relu(x!), reference: (x) => tf.relu(x!) },
  Relu6: {
    shapes: [m],
    range: [-4, 10],
    build: (x) => relu6(x!),
    reference: (x) => tf.relu6(x!),
  },
  Sigmoid: { shapes: [m], build: (x) => sigmoid(x!), reference: (x) => tf.sigmoid(x!) },
  swish: {
    shapes: [m],
    range: [-4, 4],
    build: (x) => swish(x!),
    reference: (x) => tf.mul(x!, tf.sigmoid(x!)),
  },
  SpaceToBatchND: {
    shapes: [[2, 3, 5, 3]],
    build: (x) =>
      spaceToBatch(x!, 2, [
        [1, 2],
        [0, 1],
      ]),
    reference: (x) =>
      tf.spaceToBatchND(
        x!,
        [2, 2],
        [
          [1, 2],
          [0, 1],
        ],
      ),
  },
  BatchToSpaceND: {
    shapes: [[9, 2, 3, 2]],
    build: (x) =>
      batchToSpace(x!, 3, [
        [1, 2],
        [0, 1],
      ]),
    reference: (x) =>
      tf.batchToSpaceND(
        x!,
        [3, 3],
        [
          [1, 2],
          [0, 1],
        ],
      ),
  },
  MaxPool: {
    shapes: [image],
    build: (x) => nn.maxPool(x!, { window: 2, stride: 2, padding: 'VALID' }),
    reference: (x) => tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid'),
  },
  L2Loss: {
    shapes: [m],
    build: (x) => nn.l2Loss(x!),
    reference: (x) => tf.div(tf.sum(tf.square(x!)), 2),
  },
  Softmax: { shapes: [m], build: (x) => nn.softmax(x!), reference: (x) => tf.softmax(x!) },
  LogSoftmax: { shapes: [m], build: (x) => nn.logSoftmax(x!), reference: (x) => tf.logSoftmax(x!) },
  SoftmaxCrossEntropyWithLogits: {
    shapes: [m],
    build: (x) => nn.softmaxCrossEntropy(x!, oneHotRows(x!.graph)).loss,
    reference: (x) =>
      tf.neg(tf.sum(tf.mul(tf.logSoftmax(x!), tf.tensor2d(oneHotValues, [3, 4])), 1)),
  },
  FusedBatchNormV3: {
    shapes: [image, [3], [3]],
    build: (x, scale, offset) => batchNorm(x!, scale!, offset!, true),
    reference: (x, scale, offset) => {
      const { mean, variance } = tf.moments(x!, [0, 1, 2]);
      return normalize(x!, mean, variance, scale!, offset!);
    },
  },
};
for (const [transposeA, transposeB] of [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const) {
  cases[transposeA || transposeB ? `MatMul ${transposeA} ${transposeB}` : 'MatMul'] = {
    shapes: [transposeA ? [4, 3] : [3, 4], transposeB ? [5, 4] : [4, 5]],
    build: (a, b) => math.matMul(a!, b!, { transposeA, transposeB }),
    reference: (a, b) => tf.matMul(a!, b!, transposeA, transposeB),
  };
}
for (const [size, kernel, stride, padding] of [
  [6, 3, 2, 'SAME'],
  [7, 3, 2, 'VALID'],
  [8, 3, 3, 'VALID'],
  [5, 1, 2, 'SAME'],
  [6, 5, 1, 'VALID'],
] as const) {
  cases[`Conv2D ${size}×${size}, kernel ${kernel}, stride ${stride}, ${padding}`] = {
    shapes: [
      [2, size, size, 3],
      [kernel, kernel, 3, 4],
    ],
    build: (x, filter) => nn.conv2d(x!, filter!, { stride, padding }),
    reference: (x, filter) =>
      tf.conv2d(
        x as tf.Tensor4D,
        filter as tf.Tensor4D,
        stride,
        padding === 'SAME' ? 'same' : 'valid',
      ),
  };
  cases[`MaxPool ${size}×${size}, window ${kernel}, stride ${stride}, ${padding}`] = {
    shapes: [[2, size, size, 3]],
    build: (x) => nn.maxPool(x!, { window: kernel, stride, padding }),
    reference: (x) =>
      tf.maxPool(x as tf.Tensor4D, kernel, stride, padding === 'SAME' ? 'same' : 'valid'),
  };
}
for (const [size, kernel, stride, padding, multiplier] of [
  [5, 3, 1, 'SAME', 1],
  [6, 3, 2, 'SAME', 1],
  [7, 5, 2, 'SAME', 2],
  [7, 3, 2, 'VALID', 1],
  [6, 2, 3, 'VALID', 3],
  [3, 5, 1, 'SAME', 1],
] as const) {
  const of = `${size}×${size}, kernel ${kernel}, stride ${stride}, ${padding}`;
  const pad = padding === 'SAME' ? 'same' : 'valid';
  cases[`DepthwiseConv2dNative ${of}, multiplier ${multiplier}`] = {
    shapes: [
      [2, size, size, 3],
      [kernel, kernel, 3, multiplier],
    ],
    build: (x, filter) => depthwiseConv2d(x!, filter!, { stride, padding }),
    reference: (x, filter) =>
      tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, pad),
  };
  if (kernel <= size) {
    cases[`AvgPool ${of}`] = {
      shapes: [[2, size, size, 3]],
      build: (x) => avgPool(x!, { window: kernel, stride, padding }),
      // tfjs' own derivative counts what windows have beyond the border.
      reference: (x) => {
        const ones = tf.ones([kernel, kernel, 3, 1]) as tf.Tensor4D;
        const sumOf = (images: tf.Tensor) =>
          tf.depthwiseConv2d(images as tf.Tensor4D, ones, stride, pad);
        return tf.div(sumOf(x!), sumOf(tf.onesLike(x!)));
      },
    };
  }
}
for (const [size, kernel, rate, padding] of [
  [6, 3, 2, 'SAME'],
  [7, 3, 3, 'SAME'],
  [8, 2, 2, 'SAME'],
  [9, 3, 2, 'VALID'],
  [10, 3, 4, 'VALID'],
] as const) {
  cases[`dilated convolution ${size}×${size}, kernel ${kernel}, rate ${rate}, ${padding}`] = {
    shapes: [
      [2, size, size, 3],
      [kernel, kernel, 3, 4],
    ],
    build: (x, filter) => dilatedConv2d(x!, filter!, { rate, padding }),
    // tfjs has no derivative of a dilated convolution: the kernel with its zeros written out.
    reference: (x, filter) =>
      tf.conv2d(
        x as tf.Tensor4D,
        withZeros(filter as tf.Tensor4D, rate),
        1,
        padding === 'SAME' ? 'same' : 'valid',
      ),
  };
}
cases['FusedBatchNormV3 outside of training'] = {
  shapes: [image, [3], [3]],
  build: (x, scale, offset) => batchNorm(x!, scale!, offset!, false),
  reference: (x, scale, offset) =>
    normalize(x!, tf.tensor1d([0.1, 0, -0.2]), tf.tensor1d([0.5, 1, 2]), scale!, offset!),
};
for (const beta of [0.75, 0.5]) {
  cases[`local response normalisation, beta ${beta}`] = {
    shapes: [[2, 3, 3, 12]],
    build: (x) =>
      localResponseNormalization(x!, 'norm', { depthRadius: 4, bias: 1, alpha: 0.3, beta }),
    reference: (x) => tf.localResponseNormalization(x as tf.Tensor4D, 4, 1, 0.3, beta),
  };
}
cases['a tensor that is used twice'] = {
  shapes: [m],
  build: (x) => math.mul(math.exp(x!), math.add(x!, x!)),
  reference: (x) => tf.mul(tf.exp(x!), tf.add(x!, x!)),
};

const oneHotValues = [0, 1, 0, 0, 0.1, 0.2, 0.3, 0.4, 1, 0, 0, 0];

/** A kernel with rate − 1 zeros between its elements. */
function withZeros(filter: tf.Tensor4D, rate: number): tf.Tensor4D {
  const [rows, columns, inner, outer] = filter.shape;
  const rowsApart = tf.pad(tf.reshape(filter, [rows, 1, columns, 1, inner * outer]), [
    [0, 0],
    [0, rate - 1],
    [0, 0],
    [0, rate - 1],
    [0, 0],
  ]);
  const whole = tf.reshape(rowsApart, [rows * rate, columns * rate, inner, outer]);
  const [height, width] = [(rows - 1) * rate + 1, (columns - 1) * rate + 1];
  return tf.slice(whole, [0, 0, 0, 0], [height, width, inner, outer]) as tf.Tensor4D;
}

function oneHotRows(graph: Graph): Tensor {
  return constant(graph, 'float32', oneHotValues, [3, 4]);
}

function batchNorm(x: Tensor, scale: Tensor, offset: Tensor, isTraining: boolean): Tensor {
  const mean = constant(x.graph, 'float32', [0.1, 0, -0.2]);
  const variance = constant(x.graph, 'float32', [0.5, 1, 2]);
  return nn.fusedBatchNorm(x, scale, offset, mean, variance, { epsilon: 1e-3, isTraining }).y;
}

/** (x − mean) / √(variance + ε)·scale + offset */
function normalize(
  x: tf.Tensor,
  mean: tf.Tensor,
  variance: tf.Tensor,
  scale: tf.Tensor,
  offset: tf.Tensor,
): tf.Tensor {
  const deviation = tf.sqrt(tf.add(variance, 1e-3));
  return tf.add(tf.mul(tf.div(tf.sub(x, mean), deviation), scale), offset);
}

const engine = await createWasmEngine();
// The gradients that tfjs' autodiff needs are registered by the package of the TensorFlow engine, in the thread
// that loads it.
const { skip } = await tensorFlowOrSkip();
if (skip === false) requireTensorFlow(findTensorFlowPackage()!);

function randomTensor(
  shape: readonly number[],
  next: () => number,
  [low, high] = [-1, 1],
): HostTensor {
  const data = Float32Array.from({ length: sizeOf(shape) }, () => low! + next() * (high! - low!));
  return { data, shape };
}

/** Runs a case: the weighted sum of its output and the derivatives with respect to its inputs. */
async function run(
  { shapes, build, range }: Case,
  evaluate: (
    run: (inputs: readonly HostTensor[]) => Promise<Record<string, HostTensor>>,
    inputs: readonly HostTensor[],
    weights: HostTensor,
  ) => Promise<void>,
): Promise<void> {
  const next = random(11);
  const graph = new Graph();
  const placeholders = shapes.map((shape, i) => placeholder(graph, 'float32', shape, `x${i}`));
  const y = build(...placeholders);
  const weights = randomTensor(y.shape, next);
  const weighted = math.mul(y, constant(graph, 'float32', weights.data, weights.shape));
  const loss = math.sum(weighted);
  const derivatives = gradients(loss, placeholders);
  const session = await engine.load(graph, {
    run: {
      inputs: Object.fromEntries(placeholders.map((x, i) => [`x${i}`, x])),
      outputs: {
        loss,
        ...Object.fromEntries(derivatives.map((derivative, i) => [`d${i}`, derivative!])),
      },
    },
  });
  const inputs = shapes.map((shape) => randomTensor(shape, next, range ? [...range] : undefined));
  const feeds = (values: readonly HostTensor[]) =>
    Object.fromEntries(values.map((value, i) => [`x${i}`, value]));
  await evaluate((values) => session.run('run', feeds(values)), inputs, weights);
  await session.close();
}

function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  assert.equal(actual.length, expected.length);
  const scale = Math.max(1, ...Array.from(expected, Math.abs));
  for (let i = 0; i < expected.length; i++) {
    assert.ok(
      Math.abs(actual[i]! - expected[i]!) <= tolerance * scale,
      `element ${i}: got ${actual[i]}; expected ${expected[i]}`,
    );
  }
}

for (const [name, definition] of Object.entries(cases)) {
  test(`the gradient of ${name} agrees with tfjs’ autodiff`, { skip }, async () => {
    await run(definition, async (runCase, inputs, weights) => {
      const results = await runCase(inputs);
      void tf.setBackend('cpu');
      const tensors = inputs.map(({ data, shape }) => tf.tensor(data, [...shape]));
      const loss = (...xs: tf.Tensor[]) =>
        tf.sum(tf.mul(definition.reference(...xs), tf.tensor(weights.data, [...weights.shape])));
      const expected = tf.grads(loss as never)(tensors);
      expected.forEach((derivative, i) => {
        assert.deepEqual(results[`d${i}`]!.shape, derivative.shape);
        assertClose(results[`d${i}`]!.data, derivative.dataSync(), 2e-5);
      });
    });
  });

  test(`the gradient of ${name} agrees with central differences`, async () => {
    await run(definition, async (runCase, inputs) => {
      const results = await runCase(inputs);
      const h = 1 / 512;
      for (const [i, { data, shape }] of inputs.entries()) {
        const stride = Math.max(1, Math.floor(data.length / 12));
        for (let k = 0; k < data.length; k += stride) {
          const lossAt = async (shift: number) => {
            const moved = Float32Array.from(data);
            moved[k] = moved[k]! + shift;
            const values = inputs.map((input, j) => (j === i ? { data: moved, shape } : input));
            return (await runCase(values))['loss']!.data[0]!;
          };
          const slope = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
          const derivative = results[`d${i}`]!.data[k]!;
          assert.ok(
            Math.abs(slope - derivative) <= 0.02 * Math.max(1, Math.abs(derivative)),
            `input ${i}, element ${k}: got ${derivative}; the slope is ${slope}`,
          );
        }
      }
    });
  });
}

test('every op that has a gradient is tested', () => {
  const tested = new Set(Object.keys(cases).map((name) => name.split(' ')[0]));
  for (const op of Object.keys(gradientTable)) assert.ok(tested.has(op), op);
});

test('a custom gradient takes the place of that of the ops', async () => {
  const definition: Case = {
    shapes: [m],
    build: (x) => withGradient(math.square(x!), x!, (dy) => math.mul(dy, 7)),
    reference: (x) => tf.mul(x!, 7),
  };
  await run(definition, async (runCase, inputs, weights) => {
    assertClose(
      (await runCase(inputs))['d0']!.data,
      weights.data.map((w) => 7 * w),
      1e-6,
    );
  });
});

test('the largest elements share the derivative of their maximum where they are equal', async () => {
  const graph = new Graph();
  const x = placeholder(graph, 'float32', [1, 4, 2], 'x');
  const derivative = gradients(math.sum(math.max(x, [1])), [x])[0]!;
  const run = { inputs: { x }, outputs: { derivative } };
  const session = await engine.load(graph, { run });
  const data = Float32Array.of(3, 0, 1, 0, 3, 0, 2, 0);
  const results = await session.run('run', { x: { data, shape: [1, 4, 2] } });
  // tf.reduce_max divides by the number of ties (_MinOrMaxGrad).
  assert.deepEqual([...results['derivative']!.data], [0.5, 0.25, 0, 0.25, 0.5, 0.25, 0, 0.25]);
  await session.close();
});

test('the gradient of a lookup has the rows of a table whose size is known only when it runs', async () => {
  const graph = new Graph();
  const table = placeholder(graph, 'float32', [-1, 2], 'table');
  const rows = placeholder(graph, 'int32', [-1], 'rows');
  const derivative = gradients(math.sum(gather(table, rows)), [table])[0]!;
  const run = { inputs: { table, rows }, outputs: { derivative } };
  const session = await engine.load(graph, { run });
  const results = await session.run('run', {
    table: { data: new Float32Array(6), shape: [3, 2] },
    rows: { data: Int32Array.of(2, 0, 2), shape: [3] },
  });
  assert.deepEqual(results['derivative']!.shape, [3, 2]);
  assert.deepEqual([...results['derivative']!.data], [1, 1, 0, 0, 2, 2]);
  await session.close();
});

test('a lookup says what it cannot look up', async () => {
  const graph = new Graph();
  const table = placeholder(graph, 'float32', [3, 2], 'table');
  const rows = placeholder(graph, 'int32', [-1], 'rows');
  assert.throws(() => gather(table, table), /GatherV2: got the indices table float32\[3,2\]/);
  assert.throws(
    () => math.unsortedSegmentSum(table, constant(graph, 'int32', [0, 1]), 2),
    /UnsortedSegmentSum: got table float32\[3,2\] and the segments Const int32\[2\]/,
  );
  const run = { inputs: { table, rows }, outputs: { y: gather(table, rows) } };
  const session = await engine.load(graph, { run });
  await assert.rejects(
    session.run('run', {
      table: { data: new Float32Array(6), shape: [3, 2] },
      rows: { data: Int32Array.of(3), shape: [1] },
    }),
    /GatherV2: row 3 is not one of the 3 rows/,
  );
  await session.close();
});

test('an op without a gradient is named where it is on the way', () => {
  const graph = new Graph();
  const x = placeholder(graph, 'float32', [2], 'x');
  assert.throws(
    () => gradients(math.sum(math.floor(x)), [x]),
    /Floor: the op Floor has no gradient/,
  );
});

test('no gradient passes through whole numbers', () => {
  const graph = new Graph();
  const x = placeholder(graph, 'float32', [2], 'x');
  const whole = cast(cast(x, 'int32'), 'float32');
  assert.deepEqual(gradients(math.sum(math.mul(whole, 2.5)), [x]), [null]);
});

test('what the loss does not depend on has no gradient', () => {
  const graph = new Graph();
  const [x, y] = [placeholder(graph, 'float32', [2], 'x'), placeholder(graph, 'float32', [2], 'y')];
  assert.equal(gradients(math.sum(x), [y])[0], null);
});
