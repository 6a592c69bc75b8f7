import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import crc from 'crc-32';
import type { Engine, HostTensor } from '../../src/engines/engine.ts';
import { gradients } from '../../src/graph/gradients.ts';
import { Graph, type Node, type Tensor } from '../../src/graph/graph.ts';
import { constant, placeholder } from '../../src/graph/ops/array.ts';
import { readVariable } from '../../src/graph/ops/variables.ts';
import { sizeOf } from '../../src/graph/shape.ts';
import { addLoss } from '../../src/model/loss.ts';
import { variableSignatures } from '../../src/model/predictionGraph.ts';
import { getNetwork } from '../../src/nets/factory.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { hashed } from '../hashed.ts';

/** What test/python/slim_reference.py computed, in float64 but for the moving statistics. */
interface Reference {
  /** Outside of training, [n, classes]. */
  readonly logits: readonly number[];
  /** Norms by end point, outside of training. */
  readonly endPoints: Readonly<Record<string, number>>;
  /** Of a training step. */
  readonly loss: number;
  /** Of the gradient, or of the new moving statistic. */
  readonly variables: Readonly<
    Record<string, readonly [shape: readonly number[], norm: number, product: number]>
  >;
}

const references = JSON.parse(
  readFileSync(
    process.env['LOSSLENS_SLIM_REFERENCE'] ?? join(packageRoot, 'test/nets/slim.golden.json'),
    'utf8',
  ),
) as Record<string, Reference>;

/** As the script has them. */
const classes = 10;
const weightDecay = 0.0001;
const settings: Readonly<Record<string, { side: number; batch: number; offset: number }>> = {
  mobilenet_v1: { side: 96, batch: 4, offset: 3 },
  mobilenet_v2: { side: 96, batch: 4, offset: 3 },
  resnet_v2_50: { side: 96, batch: 4, offset: 4 },
  inception_v3: { side: 299, batch: 2, offset: 4 },
  vgg_16: { side: 224, batch: 2, offset: 0 },
};

const stream = (name: string) => crc.str(name) & 0xffff;

/** The first value of a variable, as the script has it. */
function valueFor(name: string, shape: readonly number[], offset: number): Float32Array {
  const values = hashed(sizeOf(shape), stream(name));
  const leaf = name.split('/').at(-1)!;
  const result = new Float32Array(values.length);
  let [scale, shift] = [0.1, 0];
  if (leaf === 'weights') scale = Math.sqrt(3 / sizeOf(shape.slice(0, -1)));
  else if (leaf === 'depthwise_weights') scale = Math.sqrt(3 / sizeOf(shape.slice(0, 2)));
  else if (leaf === 'gamma') [scale, shift] = [0.15, 0.5];
  else if (leaf === 'beta') shift = offset;
  else if (leaf === 'moving_variance') [scale, shift] = [0.3, 1];
  for (let i = 0; i < result.length; i++) result[i] = shift + scale * values[i]!;
  return result;
}

function summaryOf(name: string, { data }: HostTensor): { norm: number; product: number } {
  const numbers = hashed(data.length, stream(name) + 1);
  let [squares, product] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    squares += data[i]! * data[i]!;
    product += data[i]! * numbers[i]!;
  }
  return { norm: Math.sqrt(squares), product };
}

/** A network with what it predicts and one step without dropout, for both of which `assign` sets the variables. */
async function load(name: string, engine: Engine) {
  const { side } = settings[name]!;
  const graph = new Graph();
  const images = placeholder(graph, 'float32', [-1, side, side, 3], 'images');
  const labels = placeholder(graph, 'int32', [-1], 'labels');
  const context = {
    numClasses: classes,
    weightDecay,
    withoutDropout: true,
    dropoutSeed: constant(graph, 'int32', [0, 0]),
    computeType: 'float32' as const,
  };
  const updates: Node[] = [];
  const trained = getNetwork(name).build(images, { ...context, isTraining: true, updates });
  const { total } = addLoss(graph, trained.logits, labels, 0, trained.auxiliary);
  const variables = [...graph.variables.values()];
  const trainable = variables.filter((variable) => variable.trainable);
  const derivatives = gradients(
    total,
    trainable.map(({ value }) => value),
  );
  const outputs: Record<string, Tensor> = { loss: total };
  trainable.forEach((variable, i) => {
    outputs[variable.name] = derivatives[i]!;
  });
  for (const variable of variables) {
    if (!variable.trainable) outputs[variable.name] = readVariable(variable, { after: updates });
  }
  const { logits, endPoints } = graph.withNodePrefix('predict', () =>
    getNetwork(name).build(images, { ...context, isTraining: false, updates: [] }),
  );
  const session = await engine.load(graph, {
    ...variableSignatures(graph, variables),
    step: { inputs: { images, labels }, outputs },
    predict: { inputs: { images }, outputs: { ...Object.fromEntries(endPoints), logits } },
  });
  const assign = (offset: number) =>
    session.run(
      'assign',
      Object.fromEntries(
        variables.map(({ name, shape }) => [name, { data: valueFor(name, shape, offset), shape }]),
      ),
    );
  return { session, variables, endPoints, assign };
}

function assertClose(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, not ${expected}`);
}

const { engine, skip } = await tensorFlowOrSkip();

for (const [name, reference] of Object.entries(references)) {
  const { side, batch, offset } = settings[name]!;
  const shape = [batch, side, side, 3];
  const feeds = {
    images: { data: Float32Array.from(hashed(sizeOf(shape), 7)), shape },
    labels: { data: Int32Array.from({ length: batch }, (_, i) => i % classes), shape: [batch] },
  };

  test(`${name} is TF-Slim’s: variables, layers, loss, gradients and statistics`, {
    skip,
  }, async () => {
    const { session, variables, endPoints, assign } = await load(name, engine!);
    assert.deepEqual(
      Object.fromEntries(variables.map((variable) => [variable.name, variable.shape])),
      Object.fromEntries(Object.entries(reference.variables).map(([key, [shape]]) => [key, shape])),
    );

    await assign(0);
    const predicted = await session.run('predict', { images: feeds.images });
    const largest = Math.max(...reference.logits.map(Math.abs));
    reference.logits.forEach((expected, i) => {
      assertClose(predicted['logits']!.data[i]!, expected, 2e-5 * largest, `logit ${i}`);
    });
    for (const [key, expected] of Object.entries(reference.endPoints)) {
      assert.ok(endPoints.has(key), `no end point ${key}`);
      assertClose(summaryOf(key, predicted[key]!).norm, expected, 1e-5 * expected, key);
    }

    await assign(offset);
    const results = await session.run('step', feeds);
    assertClose(results['loss']!.data[0]!, reference.loss, 1e-5 * reference.loss, 'loss');
    for (const [key, [, norm, product]] of Object.entries(reference.variables)) {
      const actual = summaryOf(key, results[key]!);
      assertClose(actual.norm, norm, 1e-3 * norm, `norm at ${key}`);
      assertClose(actual.product, product, 1e-3 * norm, `product at ${key}`);
    }
    await session.close();
  });
}
