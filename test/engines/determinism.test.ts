import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { withDeterministicLosses } from '../../src/engines/determinism.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { tinyImageShape, tinyTrainingGraph } from '../model/tinyNetwork.ts';
import { someFeeds, startSession } from '../model/trainingSession.ts';

const { engine: tensorflow, skip } = await tensorFlowOrSkip();

/** What a process prints that trains with or without --deterministic. */
function trained(how: string): { readonly hash: string; readonly clock: string } {
  const script = join(packageRoot, 'dist/test/engines/trainInChild.js');
  const { TF_DETERMINISTIC_OPS: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, how], {
    encoding: 'utf8',
    env,
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as { hash: string; clock: string };
}

test('--deterministic reaches TensorFlow, and changes no bit on the CPU', { skip }, () => {
  const [plain, deterministic] = [trained('plain'), trained('deterministic')];
  assert.equal(plain.clock, 'runs');
  assert.match(deterministic.clock, /Timestamp cannot be called when determinism is enabled/);
  assert.equal(deterministic.hash, plain.hash);
});

for (const [name, engine, why] of [
  ['wasm', await createWasmEngine(), false],
  ['tensorflow', tensorflow, skip],
] as const) {
  test(`a deterministic loss trains as TensorFlow's own on ${name}`, { skip: why }, async () => {
    const loaded: Graph[] = [];
    const recording: Engine = {
      ...{ name: engine!.name, bfloat16: engine!.bfloat16 },
      load: (graph, signatures) => {
        loaded.push(graph);
        return engine!.load(graph, signatures);
      },
    };
    const options = { labelSmoothing: 0.1, selectionLayer: 'pool1' };
    const graph = tinyTrainingGraph(options);
    const sessions = [
      await startSession(recording, graph),
      await startSession(withDeterministicLosses(recording), graph),
    ] as const;
    const [own, spelled] = loaded.map(({ nodes }) => new Set(nodes.map(({ op }) => op)));
    assert.ok(own!.has('SoftmaxCrossEntropyWithLogits'));
    assert.ok(!spelled!.has('SoftmaxCrossEntropyWithLogits'));
    assert.deepEqual(
      [...loaded[1]!.nodes].filter(({ op }) => op === 'VarHandleOp').map((node) => node.name),
      [...loaded[0]!.nodes].filter(({ op }) => op === 'VarHandleOp').map((node) => node.name),
    );
    for (let step = 0; step < 3; step++) {
      const feeds = someFeeds(tinyImageShape, 6, step, undefined);
      const [expected, actual] = [
        await sessions[0].run('train', feeds),
        await sessions[1].run('train', feeds),
      ];
      assert.deepEqual(Object.keys(actual), Object.keys(expected));
      for (const [key, { data, shape }] of Object.entries(expected)) {
        assert.deepEqual(actual[key]!.shape, shape, key);
        for (const [i, value] of data.entries()) {
          const difference = Math.abs(actual[key]!.data[i]! - value);
          assert.ok(difference <= 1e-5 * (1 + Math.abs(value)), `${key} ${i}, step ${step}`);
        }
      }
    }
    for (const session of sessions) await session.close();
  });
}
