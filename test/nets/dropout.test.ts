import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { constant, placeholder } from '../../src/graph/ops/array.ts';
import { networkContext } from '../../src/model/networkContext.ts';
import { dropBranch, dropout } from '../../src/nets/dropout.ts';
import { preprocessedImages } from '../../src/preprocessing/itemInput.ts';

const engine = await createWasmEngine();
const [units, height] = [7, 2];

/** What dropout and stochastic depth leave of ones, a row for each item, of some rows of a joint batch or of all. */
async function leftOf(count: number, joint?: { readonly rows: number[]; readonly size: number }) {
  const graph = new Graph();
  const x = placeholder(graph, 'float32', [-1, height, 1, units], 'x');
  const dropoutSeed = constant(graph, 'int32', [3, 4]);
  const context = networkContext(preprocessedImages([height, 1, units]), {
    numClasses: 2,
    isTraining: true,
    dropoutSeed,
    ...(joint && {
      jointBatch: {
        rows: constant(graph, 'int32', joint.rows),
        size: constant(graph, 'int32', [joint.size]),
      },
    }),
  });
  const dropped = dropout(context, x, 'dropout', 0.5);
  const branch = dropBranch(context, x, 'branch', 0.5, 1);
  const session = await engine.load(graph, {
    run: { inputs: { x }, outputs: { dropped, branch } },
  });
  const size = height * units;
  const ones = new Float32Array(count * size).fill(1);
  const outputs = await session.run('run', {
    x: { data: ones, shape: [count, height, 1, units] },
  });
  await session.close();
  return Array.from({ length: count }, (_, row) =>
    ['dropped', 'branch'].map((name) => [
      ...outputs[name]!.data.slice(row * size, (row + 1) * size),
    ]),
  );
}

test('of a part of a joint batch, dropout drops what it drops of these rows in the whole', async () => {
  const whole = await leftOf(9);
  assert.deepEqual(await leftOf(2, { rows: [0, 1], size: 9 }), whole.slice(0, 2));
  assert.deepEqual(await leftOf(3, { rows: [4, 5, 6], size: 9 }), whole.slice(4, 7));
  assert.notDeepEqual(whole[0], whole[4]);
});
