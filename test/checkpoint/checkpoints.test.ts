import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import {
  checkCheckpoint,
  latestCheckpoint,
  resolveCheckpoint,
  saveCheckpoint,
  unlistedCheckpoints,
} from '../../src/checkpoint/checkpoints.ts';
import { type CheckpointTensor, openTensorBundle } from '../../src/checkpoint/tensorBundle.ts';
import { UserError } from '../../src/errors.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { random } from '../../src/random.ts';
import { temporaryFolder } from '../losslens.ts';
import { runPython, skipWithoutPython } from '../python.ts';
import { failure, setDisk } from '../reliability/faultyDisk.ts';
import type { FileCall } from '../reliability/fileCalls.ts';

function someTensors(): Map<string, CheckpointTensor> {
  const tensors = new Map<string, CheckpointTensor>();
  // More than the table's restart interval, with shared prefixes.
  for (let i = 0; i < 40; i++) {
    const data = Float32Array.from({ length: 6 }, (_, k) => i + k / 8);
    tensors.set(`LeNet/conv${i}/weights`, { shape: [3, 2], data });
  }
  tensors.set('global_step', { shape: [], data: BigInt64Array.of(123n) });
  tensors.set('losslens/state', { shape: [4], data: Uint8Array.of(1, 2, 3, 255) });
  tensors.set('größe', { shape: [2], data: Int32Array.of(-1, 2 ** 31 - 1) });
  tensors.set('empty', { shape: [0, 3], data: new Float32Array(0) });
  return tensors;
}

test('what is saved is read back', async () => {
  const folder = temporaryFolder();
  const tensors = someTensors();
  await saveCheckpoint(folder, 5, tensors, 5);
  const bundle = await openTensorBundle((await latestCheckpoint(folder))!);
  assert.equal(bundle.shapes.size, tensors.size);
  for (const [name, tensor] of tensors) assert.deepEqual(await bundle.read(name), tensor);
});

test('the latest checkpoints are kept, others’ files are left alone', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'model.ckpt-999.index'), 'somebody’s own');
  for (const step of [1, 2, 3, 4]) await saveCheckpoint(folder, step, someTensors(), 2);
  const indices = readdirSync(folder).filter((file) => file.endsWith('.index'));
  assert.deepEqual(indices.sort(), [
    'model.ckpt-3.index',
    'model.ckpt-4.index',
    'model.ckpt-999.index',
  ]);
  assert.equal(await latestCheckpoint(folder), join(folder, 'model.ckpt-4'));
});

test('any file of a checkpoint stands for it, and the file `checkpoint` for the latest', async () => {
  const folder = temporaryFolder();
  const prefix = join(folder, 'model.ckpt-1');
  for (const step of [1, 2]) await saveCheckpoint(folder, step, someTensors(), 5);
  // TensorFlow writes the graph beside it.
  writeFileSync(`${prefix}.meta`, 'graph');
  for (const ending of ['', '.index', '.data-00000-of-00001', '.meta']) {
    assert.equal(await resolveCheckpoint(prefix + ending), prefix);
  }
  assert.equal(await resolveCheckpoint(join(folder, 'checkpoint')), join(folder, 'model.ckpt-2'));
  // One of format V1 is a file of the prefix's name.
  const old = join(temporaryFolder(), 'model.ckpt-3');
  for (const ending of ['', '.meta']) writeFileSync(old + ending, '');
  assert.equal(await resolveCheckpoint(`${old}.meta`), old);
});

test('a part of a checkpoint without its index is named', async () => {
  const path = join(temporaryFolder(), 'model.ckpt-1.data-00000-of-00001');
  writeFileSync(path, '');
  await assert.rejects(resolveCheckpoint(path), {
    name: 'UserError',
    message: `--checkpoint_path: ${path} is a part of a checkpoint without ${path.replace(/\.data.*/, '')}.index; expected all files of it.`,
  });
});

test('checkpoints of the folder that this one is a copy of are left alone', async () => {
  const original = temporaryFolder();
  await saveCheckpoint(original, 1, someTensors(), 5);
  const copy = temporaryFolder();
  const prefix = JSON.stringify(join(original, 'model.ckpt-1'));
  const state = `model_checkpoint_path: ${prefix}\nall_model_checkpoint_paths: ${prefix}\n`;
  writeFileSync(join(copy, 'checkpoint'), state);
  for (const step of [2, 3]) await saveCheckpoint(copy, step, someTensors(), 1);
  assert.equal(await latestCheckpoint(copy), join(copy, 'model.ckpt-3'));
  assert.equal(await latestCheckpoint(original), join(original, 'model.ckpt-1'));
});

test('a folder stands for its latest checkpoint, a prefix for itself', async () => {
  const folder = temporaryFolder();
  await saveCheckpoint(folder, 1, someTensors(), 5);
  await saveCheckpoint(folder, 2, someTensors(), 5);
  assert.equal(await resolveCheckpoint(folder), join(folder, 'model.ckpt-2'));
  assert.equal(await resolveCheckpoint(join(folder, 'model.ckpt-1')), join(folder, 'model.ckpt-1'));
  const paths = ['model.ckpt-1', 'model.ckpt-2'].map((name) => join(folder, name));
  await assert.rejects(resolveCheckpoint(join(folder, 'model.ckpt-3')), {
    name: 'UsageError',
    message: `--checkpoint_path: got "${folder}/model.ckpt-3", which is not there; expected one of ${paths.join(', ')}.`,
  });
  rmSync(join(folder, 'checkpoint'));
  await assert.rejects(
    resolveCheckpoint(folder),
    /where the file "checkpoint" names none that is there; expected one of .*model\.ckpt-1, /,
  );
  await assert.rejects(resolveCheckpoint(join(folder, 'none')), /expected one of/);
  await assert.rejects(resolveCheckpoint(temporaryFolder()), /a folder without a checkpoint; /);
  await assert.rejects(
    resolveCheckpoint('/nowhere/x'),
    /got "\/nowhere\/x", which is not there; expected a folder with a checkpoint, a prefix such as .*, or a name of losslens weights list/,
  );
});

test('a state file that names nothing is an error, not a new run', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'checkpoint'), '');
  await assert.rejects(latestCheckpoint(folder), /checkpoint: names no checkpoint/);
  writeFileSync(join(folder, 'model.ckpt-3.index'), '');
  writeFileSync(join(folder, 'checkpoint'), 'model_checkpoint_path: "a');
  await assert.rejects(latestCheckpoint(folder), /is no checkpoint state .*"model\.ckpt-3"\.$/);
});

test('names with octal escapes and absolute paths are understood, as TensorFlow writes them', async () => {
  const folder = temporaryFolder();
  const state = 'model_checkpoint_path: "/somewhere/caf\\303\\251"\n';
  writeFileSync(join(folder, 'checkpoint'), state);
  assert.equal(await latestCheckpoint(folder), undefined);
  writeFileSync(join(folder, 'caf\u00e9.index'), '');
  writeFileSync(join(folder, 'checkpoint'), 'model_checkpoint_path: "caf\\303\\251"\n');
  assert.equal(await latestCheckpoint(folder), join(folder, 'café'));
});

test('changed bytes are noticed wherever a checksum covers them', async () => {
  const folder = temporaryFolder();
  await saveCheckpoint(folder, 1, someTensors(), 5);
  const prefix = join(folder, 'model.ckpt-1');
  const next = random(3);
  const expected = someTensors();
  for (const file of [`${prefix}.index`, `${prefix}.data-00000-of-00001`]) {
    const intact = readFileSync(file);
    for (let i = 0; i < 150; i++) {
      const bytes = Buffer.from(intact);
      const at = Math.floor(next() * bytes.length);
      bytes[at] = bytes[at]! ^ (1 << Math.floor(next() * 8));
      const cut = next() < 0.3 ? bytes.subarray(0, at) : bytes;
      writeFileSync(file, cut);
      try {
        const bundle = await openTensorBundle(prefix);
        for (const [name, tensor] of expected) assert.deepEqual(await bundle.read(name), tensor);
        // The padding of the table's footer carries nothing.
        assert.ok(file.endsWith('.index'), `byte ${at} of the data changed unnoticed`);
      } catch (error) {
        assert.ok(error instanceof UserError, `byte ${at} of ${file}: ${error}`);
        assert.match(error.message, /model\.ckpt-1/);
      }
    }
    writeFileSync(file, intact);
  }
});

test('a pipe in the place of any file of a checkpoint is refused, and not waited at', {
  skip: process.platform === 'win32' && 'the system has no named pipes',
}, async () => {
  for (const name of ['checkpoint', 'model.ckpt-1.index', 'model.ckpt-1.data-00000-of-00001']) {
    const folder = temporaryFolder();
    await saveCheckpoint(folder, 1, someTensors(), 5);
    const path = join(folder, name);
    rmSync(path);
    spawnSync('mkfifo', [path]);
    const reading = resolveCheckpoint(folder).then(checkCheckpoint);
    await assert.rejects(reading, {
      name: 'UserError',
      message: `${path}: cannot be read (it is a pipe).`,
    });
  }
});

test('what the system says of data that it cannot read comes with their file', async () => {
  const folder = temporaryFolder();
  const prefix = join(folder, 'model.ckpt-1');
  await saveCheckpoint(folder, 1, someTensors(), 5);
  const data = `${prefix}.data-00000-of-00001`;
  rmSync(data);
  mkdirSync(data);
  await assert.rejects(checkCheckpoint(prefix), {
    name: 'UserError',
    message: `${data}: cannot be read (it is a folder).`,
  });
});

test('whichever call of a save fails, one good checkpoint stays, and the next save finds order', async () => {
  const value = (step: number) =>
    new Map([['step', { shape: [1], data: Float32Array.of(step) }]]) satisfies Map<
      string,
      CheckpointTensor
    >;
  let isFailing = true;
  for (let failing = 1; isFailing; failing++) {
    const folder = temporaryFolder();
    await saveCheckpoint(folder, 1, value(1), 1);
    isFailing = false;
    let count = 0;
    const onCall = (call: FileCall) => {
      if (++count !== failing) return;
      isFailing = true;
      throw failure('EIO', call);
    };
    await setDisk({ onCall });
    const saved = await saveCheckpoint(folder, 2, value(2), 1).catch((error: Error) => error);
    await setDisk({});
    const indices = () => readdirSync(folder).filter((name) => name.endsWith('.index'));
    const latest = (await latestCheckpoint(folder))!;
    const bundle = await openTensorBundle(latest);
    const [step] = (await bundle.read('step')).data;
    assert.equal(latest, join(folder, `model.ckpt-${step}`));
    if (isFailing) {
      assert.ok(saved instanceof Error && saved.name === 'WriteError', String(saved));
      const there = 'is there, but (a power cut may take it|not all older ones can be deleted)';
      const is = step === 1 ? 'cannot be saved' : there;
      const told = new RegExp(`^${join(folder, 'model.ckpt-2')}: ${is} \\(i/o error\\)\\.$`);
      assert.match(saved.message, told);
    }
    assert.ok(step === 2 || indices().length === 1, indices().join());
    await saveCheckpoint(folder, 3, value(3), 1);
    assert.ok(indices().includes('model.ckpt-3.index'));
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.tmp')),
      [],
    );
    assert.ok(isFailing || failing > 10, `${failing} calls`);
  }
});

test('whenever a run is killed that saves a step again, what has an index is whole, and one is the latest', async () => {
  const folder = temporaryFolder();
  for (const step of [4, 5]) await saveCheckpoint(folder, step, someTensors(), 5);
  // As one that was taken back to an earlier checkpoint.
  writeFileSync(join(folder, 'checkpoint'), 'model_checkpoint_path: "model.ckpt-4"\n');
  const others = someTensors();
  others.get('LeNet/conv1/weights')!.data[0] = 7;
  const killed: string[] = [];
  const onCall = () => {
    killed.push(temporaryFolder());
    cpSync(folder, killed.at(-1)!, { recursive: true });
  };
  await setDisk({ onCall });
  await saveCheckpoint(folder, 5, others, 1);
  await setDisk({});
  assert.ok(killed.length > 10, `${killed.length} calls`);
  for (const copy of killed) {
    const whole = (await unlistedCheckpoints(copy)).map((name) => join(copy, name));
    await Promise.all(whole.map(checkCheckpoint));
    assert.ok(whole.includes((await latestCheckpoint(copy))!));
  }
});

test('where a checkpoint of the same step is there, it stays when the new one cannot be written', async () => {
  const folder = temporaryFolder();
  const tensors = someTensors();
  await saveCheckpoint(folder, 5, tensors, 5);
  await setDisk({ room: { folder, bytes: 1000 } });
  const saved = saveCheckpoint(folder, 5, tensors, 5);
  await assert.rejects(saved, (error: Error) => {
    assert.match(error.message, /cannot be saved \(it needs 1\.0 kB, and 0\.0 kB are free\)\.$/);
    return true;
  });
  await setDisk({});
  await checkCheckpoint((await latestCheckpoint(folder))!);
});

test('a run that is killed while it saves leaves a usable checkpoint, 20 times of 20', async () => {
  const folder = temporaryFolder();
  const next = random(8);
  let first = 1;
  for (let attempt = 0; attempt < 20; attempt++) {
    const script = join(packageRoot, 'dist/test/checkpoint/saveLoop.js');
    const child = spawn(process.execPath, [script, folder, String(first)]);
    const ended = new Promise((resolve) => child.on('close', resolve));
    // The first attempt is given the time to save one; the others are killed in a save of their own.
    const isSaving = () =>
      existsSync(join(folder, 'checkpoint')) &&
      readdirSync(folder).some((file) => file.startsWith(`model.ckpt-${first}.`));
    while (!isSaving()) await setTimeout(2);
    await setTimeout(next() * 60);
    child.kill('SIGKILL');
    await ended;
    const latest = await latestCheckpoint(folder);
    assert.ok(latest);
    const { data } = await (await openTensorBundle(latest)).read('weights');
    const step = Number(/-(\d+)$/.exec(latest)![1]);
    assert.ok((data as Float32Array).every((value) => value === step));
    first = step + 1;
  }
});

const skip = skipWithoutPython('tensorflow');

test('tf.train.load_checkpoint reads names, shapes and values', { skip }, async () => {
  const folder = temporaryFolder();
  const tensors = someTensors();
  await saveCheckpoint(folder, 12, tensors, 5);
  const { latest, variables } = runPython('checkpoint_read.py', folder) as {
    latest: string;
    variables: Record<string, { shape: number[]; sum: number }>;
  };
  assert.equal(latest, join(folder, 'model.ckpt-12'));
  assert.deepEqual(Object.keys(variables).sort(), [...tensors.keys()].sort());
  for (const [name, { shape, data }] of tensors) {
    assert.deepEqual(variables[name]!.shape, shape);
    const sum = Array.from(data as Float32Array, Number).reduce((a, b) => a + b, 0);
    assert.equal(variables[name]!.sum, sum, name);
  }
});

test('checkpoints of TensorFlow’s Saver are read, partitioned variables too', {
  skip,
}, async () => {
  const folder = temporaryFolder();
  runPython('checkpoint_write.py', folder);
  const bundle = await openTensorBundle((await latestCheckpoint(folder))!);
  assert.deepEqual(bundle.shapes.get('LeNet/conv1/weights'), [5, 5, 1, 32]);
  for (const name of ['rows', 'columns', 'LeNet/conv1/weights']) {
    const { shape, data } = await bundle.read(name);
    assert.deepEqual(shape, bundle.shapes.get(name));
    assert.ok(
      (data as Float32Array).every((value, i) => value === i),
      name,
    );
  }
  assert.deepEqual((await bundle.read('global_step')).data, BigInt64Array.of(7n));
});
