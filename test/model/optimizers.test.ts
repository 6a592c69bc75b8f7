import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Engine } from '../../src/engines/engine.ts';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { gradients } from '../../src/graph/gradients.ts';
import { Graph } from '../../src/graph/graph.ts';
import { constant, identity, placeholder } from '../../src/graph/ops/array.ts';
import { matMul, square, sub, sum } from '../../src/graph/ops/math.ts';
import { getVariable } from '../../src/graph/ops/variables.ts';
import { initialValues } from '../../src/model/initialValues.ts';
import { epsilonOf, type OptimizerOptions } from '../../src/model/optimizerOptions.ts';
import { addOptimizer } from '../../src/model/optimizers.ts';
import { variableSignatures } from '../../src/model/predictionGraph.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { plainSgd } from './trainingSession.ts';

interface Case {
  readonly settings: Partial<OptimizerOptions>;
  /** w after each step. */
  readonly weights: readonly (readonly number[])[];
  /** The optimizer's own variables after the last. */
  readonly variables: Readonly<Record<string, readonly number[]>>;
}

/** Made by test/python/optimizers_reference.py. */
const golden = JSON.parse(
  readFileSync(join(packageRoot, 'test/model/optimizers.golden.json'), 'utf8'),
) as { rate: number; x: number[]; y: number[]; w0: number[]; cases: Record<string, Case> };

/** The problem of the golden numbers, taken as many steps as they have. */
async function takeSteps(
  engine: Engine,
  settings: Partial<OptimizerOptions>,
  steps: number,
  { factor, rate: given = golden.rate }: { factor?: number; rate?: number } = {},
) {
  const graph = new Graph();
  const w = getVariable(graph, 'w', [3, 2], { initializer: () => Float32Array.from(golden.w0) });
  const error = sub(
    matMul(constant(graph, 'float32', golden.x, [4, 3]), w.value),
    constant(graph, 'float32', golden.y, [4, 2]),
  );
  const loss = sum(square(error));
  const [gradient] = gradients(loss, [w.value]);
  const rate = placeholder(graph, 'float32', [], 'learning_rate');
  const after = addOptimizer([{ variable: w, gradient: gradient!, factor }], rate, {
    ...plainSgd,
    ...settings,
  });
  const variables = [...graph.variables.values()];
  const session = await engine.load(graph, {
    ...variableSignatures(graph, variables),
    train: { inputs: { learning_rate: rate }, outputs: { loss: identity(loss, { after }) } },
  });
  await session.run('assign', initialValues(variables, 0));
  const feeds = { learning_rate: { data: Float32Array.of(given), shape: [] } };
  const weights: number[][] = [];
  for (let step = 0; step < steps; step++) {
    await session.run('train', feeds);
    weights.push([...(await session.run('read', {}))['w']!.data]);
  }
  const { w: _, ...others } = await session.run('read', {});
  await session.close();
  return { weights, others };
}

function assertClose(actual: ArrayLike<number>, expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  expected.forEach((value, i) => {
    const error = Math.abs(actual[i]! - value);
    assert.ok(error <= 1e-5 * Math.max(1, Math.abs(value)), `${what}: ${actual[i]} not ${value}`);
  });
}

const { engine: tensorflow, skip } = await tensorFlowOrSkip();
const engines: [name: string, engine: Engine | null, skip: string | false][] = [
  ['wasm', await createWasmEngine(), false],
  ['tensorflow', tensorflow, skip],
];

for (const [engineName, engine, skip] of engines) {
  for (const [name, { settings, weights, variables }] of Object.entries(golden.cases)) {
    test(`ten steps of ${name} agree with Python TensorFlow’s on ${engineName}`, {
      skip,
    }, async () => {
      const result = await takeSteps(engine!, settings, weights.length);
      weights.forEach((expected, step) => {
        assertClose(result.weights[step]!, expected, `w after step ${step + 1}`);
      });
      // Their names and values are what a checkpoint of TF-Slim's has, too.
      assert.deepEqual(Object.keys(result.others).sort(), Object.keys(variables).sort());
      for (const [variable, expected] of Object.entries(variables)) {
        assertClose(result.others[variable]!.data, expected, variable);
      }
    });
  }
}

test('epsilon is 1 for rmsprop, as TF-Slim has it, and small for adam and adadelta', () => {
  const epsilon = (optimizer: string, opt_epsilon?: number) =>
    epsilonOf({ ...plainSgd, optimizer, opt_epsilon });
  assert.equal(epsilon('rmsprop'), 1);
  assert.equal(epsilon('adam'), 1e-8);
  assert.equal(epsilon('adadelta'), 1e-8);
  assert.equal(epsilon('adam', 1), 1);
  assert.equal(epsilon('sgd'), undefined);
});

test('a variable with a factor of 10 moves as at ten times the learning rate, with every optimizer', async () => {
  const engine = await createWasmEngine();
  for (const [name, { settings }] of Object.entries(golden.cases)) {
    const scaled = await takeSteps(engine, settings, 2, { factor: 10, rate: golden.rate / 10 });
    const plain = await takeSteps(engine, settings, 2);
    scaled.weights.forEach((weights, step) => {
      assertClose(weights, plain.weights[step]!, `${name}, step ${step}`);
    });
  }
});
