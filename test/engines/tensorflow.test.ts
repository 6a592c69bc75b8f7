import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { engine as tfjsEngine } from '@tensorflow/tfjs-core';
import type { Engine, HostTensor, Session, Signatures } from '../../src/engines/engine.ts';
import { selectEngine } from '../../src/engines/select.ts';
import { loadTensorFlowEngine } from '../../src/engines/tensorflow.ts';
import {
  findTensorFlowPackage,
  LoadedModel,
  packageFolderIn,
  requireTensorFlow,
} from '../../src/engines/tensorflowPackage.ts';
import { NoEngineError } from '../../src/errors.ts';
import { Graph } from '../../src/graph/graph.ts';
import { gather, identity, placeholder } from '../../src/graph/ops/array.ts';
import { add, matMul, sum } from '../../src/graph/ops/math.ts';
import { applyGradientDescent, assign, getVariable } from '../../src/graph/ops/variables.ts';
import { namedSignatures, writeSavedModel } from '../../src/graph/savedModel.ts';
import { temporaryFolder } from '../losslens.ts';

async function loadEngine(): Promise<Engine | undefined> {
  try {
    return await loadTensorFlowEngine();
  } catch (error) {
    if (error instanceof NoEngineError) return undefined;
    throw error;
  }
}
const engine = await loadEngine();
const skip = engine === undefined && 'no tensorflow engine: run losslens engine install';

const floats = (shape: number[], values: number[]): HostTensor => ({
  data: Float32Array.from(values),
  shape,
});
const ints = (values: number[]): HostTensor => ({
  data: Int32Array.from(values),
  shape: [values.length],
});

/** y = x·w with w of [2, 1], one descent step on the sum of y, and chosen rows of y. */
function line(): [Graph, Signatures] {
  const graph = new Graph();
  const initializer = () => Float32Array.of(0, 0);
  const w = getVariable(graph, 'w', [2, 1], { initializer });
  const first = placeholder(graph, 'float32', [2, 1], 'first');
  const x = placeholder(graph, 'float32', [-1, 2], 'x');
  const rows = placeholder(graph, 'int32', [-1], 'rows');
  const rate = placeholder(graph, 'float32', [], 'rate');
  const y = matMul(x, w.value);
  const ones = add(matMul(x, first), 1);
  const gradient = matMul(x, ones, { transposeA: true });
  const update = applyGradientDescent(w, rate, gradient, { after: [y.node] });
  const done = identity(first, { after: [assign(w, first)] });
  const signatures = {
    assign: { inputs: { first }, outputs: { done } },
    train: {
      inputs: { x, rows, rate, first },
      outputs: {
        loss: identity(sum(y), { after: [update] }),
        rows: gather(y, rows),
        taken: identity(rows),
      },
    },
    read: { inputs: {}, outputs: { w: w.value } },
  };
  return [graph, signatures];
}

const loadLine = (): Promise<Session> => engine!.load(...line());

test('the engine is named after TensorFlow, its version and device', { skip }, () => {
  assert.match(engine!.name, /^tensorflow \d+\.\d+\.\d+ \((CPU|GPU: .+)\)$/);
});

test('what TensorFlow logs at its start is its warnings alone, unless all is asked for', {
  skip,
}, () => {
  const logOf = (env: Readonly<Record<string, string>>) => {
    const module = new URL('../../src/engines/tensorflow.js', import.meta.url);
    const script = join(temporaryFolder(), 'load.mjs');
    writeFileSync(script, `await (await import('${module}')).loadTensorFlowEngine();`);
    const { TF_CPP_MIN_LOG_LEVEL: _, TF_ENABLE_ONEDNN_OPTS: __, ...clean } = process.env;
    const { status, stderr } = spawnSync(process.execPath, [script], {
      encoding: 'utf8',
      env: { ...clean, ...env },
    });
    assert.equal(status, 0, stderr);
    return stderr;
  };
  assert.equal(logOf({}), '');
  // A value that TensorFlow warns of while it is being loaded.
  const warned = { TF_ENABLE_ONEDNN_OPTS: '7' };
  assert.match(logOf(warned), /^W\d+ [^\n]*TF_ENABLE_ONEDNN_OPTS is not set to[^\n]*\n$/);
  assert.match(logOf({ ...warned, TF_CPP_MIN_LOG_LEVEL: '0' }), /^WARNING: All log messages.*\nW/);
});

test('signatures of one session share its variables', { skip }, async () => {
  const session = await loadLine();
  await session.run('assign', { first: floats([2, 1], [3, 5]) });
  const { w } = await session.run('read', {});
  assert.deepEqual(w, floats([2, 1], [3, 5]));
  // gradient = xᵀ·(x·0 + 1) = [1+3, 2+4] at rate 0.5
  const { loss } = await session.run('train', {
    x: floats([2, 2], [1, 2, 3, 4]),
    rows: ints([]),
    rate: floats([], [0.5]),
    first: floats([2, 1], [0, 0]),
  });
  assert.deepEqual(loss, floats([], [13 + 29]));
  assert.deepEqual((await session.run('read', {}))['w'], floats([2, 1], [3 - 2, 5 - 3]));
  await session.close();
});

test('sessions of one graph do not share variables', { skip }, async () => {
  const [one, other] = [await loadLine(), await loadLine()];
  await one.run('assign', { first: floats([2, 1], [1, 1]) });
  await other.run('assign', { first: floats([2, 1], [2, 2]) });
  assert.deepEqual((await one.run('read', {}))['w'], floats([2, 1], [1, 1]));
  await one.close();
  assert.deepEqual((await other.run('read', {}))['w'], floats([2, 1], [2, 2]));
  await other.close();
});

test('an unknown dimension takes any size, none too, and int32 stays int32', { skip }, async () => {
  const session = await loadLine();
  await session.run('assign', { first: floats([2, 1], [1, 10]) });
  const feeds = {
    x: floats([3, 2], [1, 0, 0, 1, 1, 1]),
    rate: floats([], [0]),
    first: floats([2, 1], [0, 0]),
  };
  const some = await session.run('train', { ...feeds, rows: ints([2, 0]) });
  assert.deepEqual(some['rows'], floats([2, 1], [11, 1]));
  assert.deepEqual(some['taken'], ints([2, 0]));
  const none = await session.run('train', { ...feeds, rows: ints([]) });
  assert.deepEqual(none['rows'], floats([0, 1], []));
  await session.close();
});

/** The line in this thread, where tfjs' memory can be looked at. */
async function loadHere(): Promise<LoadedModel> {
  const folder = temporaryFolder();
  const [graph, signatures] = line();
  await writeSavedModel(folder, graph, signatures);
  const tf = requireTensorFlow(findTensorFlowPackage()!);
  return new LoadedModel(tf, folder, namedSignatures(signatures));
}

test('a variable shares no memory with what was assigned to it, wherever that began', {
  skip,
}, async () => {
  const model = await loadHere();
  // TensorFlow would share what begins at a multiple of 64 bytes: one of these does.
  for (let byte = 0; byte < 64; byte += 4) {
    const data = new Float32Array(new ArrayBuffer(128), byte, 2);
    data.set([1, 2]);
    model.run('assign', { first: { data, shape: [2, 1] } });
    data.fill(7);
    assert.deepEqual(model.run('read', {})['w'], floats([2, 1], [1, 2]), `${byte}`);
  }
  model.close();
});

test('runs leave no tensor behind, failed ones neither', { skip }, async () => {
  const model = await loadHere();
  const feeds = {
    x: floats([1, 2], [1, 2]),
    rate: floats([], [0]),
    first: floats([2, 1], [0, 0]),
  };
  model.run('assign', { first: feeds.first });
  assert.equal(tfjsEngine().backendName, 'tensorflow');
  const before = tfjsEngine().memory().numTensors;
  for (let i = 0; i < 100; i++) {
    model.run('train', { ...feeds, rows: ints([0]) });
    assert.throws(() => model.run('train', { ...feeds, rows: ints([7]) }), /indices/);
  }
  assert.equal(tfjsEngine().memory().numTensors, before);
  model.close();
});

test('a wrong feed is named with what was expected', { skip }, async () => {
  const session = await loadLine();
  await assert.rejects(session.run('assign', {}), /assign: got no feed 'first'; .*float32\[2,1\]/);
  await assert.rejects(
    session.run('assign', { first: floats([1, 2], [1, 2]) }),
    /got feed 'first' as float32\[1,2\] with 2 values; expected first float32\[2,1\]/,
  );
  await assert.rejects(session.run('assign', { first: floats([2, 1], [1]) }), /with 1 values/);
  await assert.rejects(
    session.run('assign', { first: { data: Int32Array.of(1, 2), shape: [2, 1] } }),
    /as int32\[2,1\]/,
  );
  await assert.rejects(
    session.run('assign', { first: floats([2, 1], [1, 2]), more: ints([1]) }),
    /got a feed 'more'; expected only: first/,
  );
  await assert.rejects(session.run('evaluate', {}), /got signature 'evaluate'; expected .*train/);
  await session.close();
  await assert.rejects(session.run('read', {}), /closed/);
});

test('loading leaves no file behind, and names the folder for it where there is none', {
  skip,
}, async (t) => {
  const folder = temporaryFolder();
  const { TMPDIR } = process.env;
  t.after(() => {
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
  });
  process.env['TMPDIR'] = folder;
  await (await loadLine()).close();
  assert.deepEqual(readdirSync(folder), []);
  process.env['TMPDIR'] = join(folder, 'none');
  await assert.rejects(
    loadLine(),
    /cannot write the graph below .*none \(no such file or folder\); .*: name another one in the environment variable TMPDIR\.$/,
  );
});

test('the fastest engine is chosen by itself, with the reason', { skip }, async () => {
  const { engine, reason } = await selectEngine({ engine: 'auto' });
  assert.match(engine.name, /^tensorflow /);
  assert.equal(reason, 'the fastest that works here');
  const chosen = await selectEngine({ engine: 'tensorflow' });
  assert.equal(chosen.reason, 'asked for by --engine=tensorflow');
});

test('an engine that does not load is said to be so, with what mends it', async () => {
  const home = temporaryFolder();
  const { LOSSLENS_HOME } = process.env;
  process.env['LOSSLENS_HOME'] = home;
  try {
    const folder = packageFolderIn(join(home, 'engine'));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'index.js'), 'throw new Error("no addon\\nat all");');
    await assert.rejects(selectEngine({ engine: 'tensorflow' }), (error) => {
      assert.ok(error instanceof NoEngineError);
      assert.equal(error.exitCode, 3);
      assert.equal(
        error.message,
        `engine tensorflow: ${folder} does not load (no addon); expected a complete engine. ` +
          'Run: losslens engine install',
      );
      return true;
    });
  } finally {
    if (LOSSLENS_HOME === undefined) delete process.env['LOSSLENS_HOME'];
    else process.env['LOSSLENS_HOME'] = LOSSLENS_HOME;
  }
});
