import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import crc from 'crc-32';
import type { Engine, HostTensor } from '../../src/engines/engine.ts';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { constant, placeholder } from '../../src/graph/ops/array.ts';
import { sizeOf } from '../../src/graph/shape.ts';
import { variableSignatures } from '../../src/model/predictionGraph.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { hashed } from '../hashed.ts';
import { getNetwork } from './getNetwork.ts';

/** What test/python/networks_reference.py computed. */
interface Reference {
  /** Sum and sum of squares by end point. */
  layers: Record<string, [sum: number, squares: number]>;
  logits: number[];
}

const references = JSON.parse(
  readFileSync(join(packageRoot, 'test/nets/networks.golden.json'), 'utf8'),
) as Record<string, Reference>;

const imagesShape = [3, 32, 32, 3];

/** The variable of this name, as the script has it. */
function variable(name: string, shape: readonly number[]): Float32Array {
  const values = hashed(sizeOf(shape), crc.str(name) & 0xffff);
  const inputs = /\/depthwise_kernel$/.test(name) ? shape.slice(0, 2) : shape.slice(0, -1);
  const isKernel = /\/(weights|kernel|depthwise_kernel)$/.test(name);
  const factor = isKernel ? Math.sqrt(6 / sizeOf(inputs)) : 0.1;
  const isAroundOne = /\/(gamma|moving_variance)$/.test(name);
  const result = new Float32Array(values.length);
  for (let i = 0; i < result.length; i++) {
    result[i] = isAroundOne ? 1 + 0.3 * values[i]! : factor * values[i]!;
  }
  return result;
}

/** Loads a network twice with the same variables: as it is in training, and outside of it. */
async function load(name: string, engine: Engine) {
  const graph = new Graph();
  const images = placeholder(graph, 'float32', [-1, ...imagesShape.slice(1)], 'images');
  const entryPoint = (isTraining: boolean) =>
    graph.withNodePrefix(isTraining ? 'train' : 'predict', () => {
      const { logits, endPoints } = getNetwork(name).build(images, {
        numClasses: 10,
        isTraining,
        weightDecay: 0,
        dropoutSeed: constant(graph, 'int32', [0, 0]),
        computeType: 'float32',
        updates: [],
      });
      return { inputs: { images }, outputs: { ...Object.fromEntries(endPoints), logits } };
    });
  const entryPoints = { train: entryPoint(true), predict: entryPoint(false) };
  const variables = [...graph.variables.values()];
  const session = await engine.load(graph, {
    ...variableSignatures(graph, variables),
    ...entryPoints,
  });
  await session.run(
    'assign',
    Object.fromEntries(
      variables.map(({ name, shape }) => [name, { data: variable(name, shape), shape }]),
    ),
  );
  return session;
}

const images = {
  data: Float32Array.from(hashed(sizeOf(imagesShape), 7)),
  shape: imagesShape,
};

function assertAgree(outputs: Record<string, HostTensor>, { layers, logits }: Reference): void {
  const assertClose = (actual: number, expected: number, scale: number, what: string) =>
    assert.ok(Math.abs(actual - expected) <= 1e-3 * scale, `${what}: ${actual}, not ${expected}`);
  for (const [layer, [expectedSum, expectedSquares]] of Object.entries(layers)) {
    let sum = 0;
    let squares = 0;
    const { data } = outputs[layer]!;
    for (const value of data) {
      sum += value;
      squares += value * value;
    }
    const size = Math.sqrt(expectedSquares * data.length);
    assertClose(sum, expectedSum, size, `sum of ${layer}`);
    assertClose(squares, expectedSquares, expectedSquares, `squares of ${layer}`);
  }
  const largest = Math.max(...logits.map(Math.abs));
  logits.forEach((expected, i) => {
    assertClose(outputs['logits']!.data[i]!, expected, largest, `logit ${i}`);
  });
}

for (const name of ['cifarnet', 'resnet_v1_20', 'efficientnet_lite0']) {
  test(`${name} computes what TensorFlow’s own functions do`, async () => {
    const session = await load(name, await createWasmEngine());
    assertAgree(await session.run('predict', { images }), references[name]!);
    await session.close();
  });
}

const { engine, skip } = await tensorFlowOrSkip();
test('resnet_v1_50 does, with the moving statistics and with the batch’s', { skip }, async () => {
  const session = await load('resnet_v1_50', engine!);
  assertAgree(await session.run('predict', { images }), references['resnet_v1_50']!);
  assertAgree(await session.run('train', { images }), references['resnet_v1_50 in training']!);
  await session.close();
});
