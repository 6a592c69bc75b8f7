import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Session } from '../../src/engines/engine.ts';
import { loadTensorFlowPackage } from '../../src/engines/tensorflow.ts';
import { packageFolderIn } from '../../src/engines/tensorflowPackage.ts';
import { UserError } from '../../src/errors.ts';
import { Graph } from '../../src/graph/graph.ts';
import { identity, placeholder } from '../../src/graph/ops/array.ts';
import { startLosslens, temporaryFolder, writeSmallMnist } from '../losslens.ts';

/** A package in the place of TensorFlow's, whose outputs have done what the names of their scopes say. */
const standIn = `
  const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  const actions = {
    slow: () => pause(400),
    fail: () => { throw new Error('Session fail to run with error: no such row'); },
    die: () => process.exit(3),
    crash: () => { setImmediate(() => { throw new Error('out of everything'); }); pause(1); },
    hang: () => pause(Infinity),
  };
  exports.tensor = (data, shape) => ({ shape, dataSync: () => data.slice() });
  exports.dispose = () => {};
  exports.findBackend = () => ({
    isUsingGpuDevice: false,
    binding: { TF_Version: '0.0.0' },
    loadSavedModelMetaGraph: () => 0,
    runSavedModel: (session, inputs, infos, outputs) => {
      const [scope] = outputs[0]?.split('/') ?? [];
      const action = outputs.some((name) => name.startsWith('summaries/')) ? process.env.STAND_IN : scope;
      (actions[action] ?? (() => {}))();
      return outputs.map(() => inputs[0] ?? exports.tensor(new Float32Array(1), []));
    },
    deleteSavedModel: () => {},
  });`;

/** A folder for LOSSLENS_HOME with the stand-in. */
function standInHome(): string {
  const home = temporaryFolder();
  const folder = packageFolderIn(join(home, 'engine'));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'index.js'), standIn);
  return home;
}

async function load(home = standInHome()): Promise<Session> {
  const engine = await loadTensorFlowPackage(packageFolderIn(join(home, 'engine')));
  const graph = new Graph();
  const x = placeholder(graph, 'float32', [-1], 'x');
  const entries = ['echo', 'slow', 'fail', 'die', 'crash'].map((name) => {
    const output = graph.withRootScope(name, () => identity(x));
    return [name, { inputs: { x }, outputs: { x: output } }] as const;
  });
  return engine.load(graph, Object.fromEntries(entries));
}

const feed = (...values: number[]) => ({
  x: { data: Float32Array.from(values), shape: [values.length] },
});

test('JavaScript goes on while the engine computes', async () => {
  const session = await load();
  let isDone = false;
  const running = session.run('slow', feed(1)).then(() => {
    isDone = true;
  });
  let ticks = 0;
  while (!isDone) {
    await setTimeout(1);
    ticks++;
  }
  await running;
  // Were it to wait, there would be one; a machine that is busy gives few of the 400.
  assert.ok(ticks > 2, `${ticks} ticks`);
  await session.close();
});

test('runs are done in the order of the calls, closing too', async () => {
  const session = await load();
  const done: string[] = [];
  const note = (name: string) => () => done.push(name);
  await Promise.all([
    session.run('slow', feed(1)).then(note('slow')),
    session.run('echo', feed(2)).then(note('echo')),
    session.close().then(note('close')),
  ]);
  assert.deepEqual(done, ['slow', 'echo', 'close']);
  await assert.rejects(
    session.run('echo', feed(1)),
    /expected one of none \(the session is closed/,
  );
});

test('outputs are the caller’s own, whatever is fed and run afterwards', async () => {
  const session = await load();
  // Small ones are sent, large ones shared, those in shared memory taken from there.
  for (const data of [
    Float32Array.of(1, 2, 3),
    new Float32Array(100_000).fill(4),
    new Float32Array(100_000).fill(5).subarray(10, 12),
    new Float32Array(new SharedArrayBuffer(40)).fill(6).subarray(3, 5),
  ]) {
    const expected = data.slice();
    const { x } = await session.run('echo', { x: { data, shape: [data.length] } });
    data.fill(0);
    await session.run('echo', { x: { data, shape: [data.length] } });
    assert.deepEqual(x!.data, expected);
    assert.deepEqual(x!.shape, [data.length]);
  }
  await session.close();
});

test('what the engine says of a run is an error of that run alone', async () => {
  const session = await load();
  const [failed, other] = await Promise.allSettled([
    session.run('fail', feed(1)),
    session.run('echo', feed(2)),
  ]);
  assert.equal(other.status, 'fulfilled');
  assert.ok(failed.status === 'rejected' && failed.reason instanceof Error);
  assert.equal(failed.reason.message, 'Session fail to run with error: no such row');
  await session.close();
});

for (const [how, reason] of [
  ['die', 'exit code 3'],
  ['crash', 'out of everything'],
] as const) {
  test(`a thread that ends fails all that wait for it, and is started anew: ${reason}`, async () => {
    const home = standInHome();
    const session = await load(home);
    await session.run(how, feed(1)).catch(() => {});
    // What a thread throws by itself may come after some more runs.
    const runOn = async () => {
      for (;;) await session.run('echo', feed(1));
    };
    await assert.rejects(runOn(), (error) => {
      assert.ok(error instanceof UserError);
      assert.equal(error.exitCode, 1);
      const what = `engine tensorflow: the engine's thread ended (${reason}).`;
      assert.equal(error.message, `${what} Run the command again.`);
      return true;
    });
    await session.close();
    const other = await load(home);
    const { x } = await other.run('echo', feed(7));
    assert.deepEqual(x!.data, Float32Array.of(7));
    await other.close();
  });
}

/** Starts a training on the stand-in, whose first step does what `action` names. */
function startTraining(action: string) {
  const data = temporaryFolder();
  writeSmallMnist(data, 20, 10);
  return startLosslens(
    [
      ...['train', '--engine=tensorflow', `--train_dir=${join(temporaryFolder(), 'run')}`],
      ...['--model_name=lenet', '--dataset_name=mnist', `--dataset_dir=${data}`],
      ...['--num_preprocessing_threads=1', '--batch_size=10'],
    ],
    { LOSSLENS_HOME: standInHome(), STAND_IN: action },
  );
}

test('a thread that is lost fails what it was doing', async () => {
  const session = await load();
  const runs = await Promise.allSettled([
    session.run('die', feed(1)),
    session.run('echo', feed(1)),
  ]);
  for (const { status } of runs) assert.equal(status, 'rejected');
});

for (const [action, line] of [
  ['die', "engine tensorflow: the engine's thread ended (exit code 3). Run the command again."],
  ['fail', 'Session fail to run with error: no such row'],
] as const) {
  test(`a training whose engine cannot do a step says so in one line: ${line}`, async () => {
    const [, result] = startTraining(action);
    const { code, stderr } = await result;
    assert.equal(code, 1, stderr);
    const ends = stderr.split('\n').filter((text) => /losslens: |Error|^ +at /.test(text));
    assert.deepEqual(ends, [`losslens: ${line}`]);
  });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} twice ends a process whose engine is in the middle of a step`, async () => {
    const [child, result] = startTraining('hang');
    const cues = ['to follow it', 'once more ends it at once'];
    let said = '';
    child.stderr!.on('data', (text) => {
      said += text;
      if (cues.length === 0 || !said.includes(cues[0]!)) return;
      cues.shift();
      // What comes within a quarter of a second is one signal.
      void setTimeout(300).then(() => child.kill(signal));
    });
    await result;
    assert.equal(child.signalCode, signal, said);
    assert.deepEqual(cues, [], said);
  });
}
