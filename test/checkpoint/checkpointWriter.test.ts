import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { latestCheckpoint, saveCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import { CheckpointWriter } from '../../src/checkpoint/checkpointWriter.ts';
import { type CheckpointTensor, openTensorBundle } from '../../src/checkpoint/tensorBundle.ts';
import { temporaryFolder } from '../losslens.ts';
import { setDisk } from '../reliability/faultyDisk.ts';

const large = 2 ** 18;
const small = 10;

/** A variable, and one in shared memory. */
function tensorsOf(length: number): Map<string, CheckpointTensor> {
  const weights = Float32Array.from({ length }, (_, i) => i / 8);
  const counts = new Int32Array(new SharedArrayBuffer(4 * length)).fill(7);
  return new Map<string, CheckpointTensor>([
    ['weights', { shape: [length], data: weights }],
    ['counts', { shape: [length], data: counts }],
  ]);
}

/** Whether a checkpoint is there and can be read. */
const isComplete = (folder: string, step: number) =>
  existsSync(join(folder, `model.ckpt-${step}.index`));

test('who saves a large checkpoint goes on before it is there, and its files are the same', async () => {
  const folder = temporaryFolder();
  const writer = new CheckpointWriter(folder, 5);
  const tensors = tensorsOf(large);
  await writer.save(3, tensors);
  assert.ok(!isComplete(folder, 3));
  // Its memory is with the thread, not copied.
  assert.equal(tensors.get('weights')!.data.length, 0);
  await writer.finish();
  assert.equal(await latestCheckpoint(folder), join(folder, 'model.ckpt-3'));
  await writer.close();
  const here = temporaryFolder();
  await saveCheckpoint(here, 3, tensorsOf(large), 5);
  for (const file of ['model.ckpt-3.index', 'model.ckpt-3.data-00000-of-00001', 'checkpoint']) {
    assert.ok(readFileSync(join(folder, file)).equals(readFileSync(join(here, file))), file);
  }
});

for (const [size, length] of [
  ['small', small],
  ['large', large],
] as const) {
  test(`the next checkpoint waits for a ${size} one before`, async () => {
    const folder = temporaryFolder();
    const writer = new CheckpointWriter(folder, 1);
    await writer.save(1, tensorsOf(length));
    await writer.save(2, tensorsOf(length));
    assert.ok(isComplete(folder, 1));
    await writer.close();
    assert.ok(isComplete(folder, 2) && !isComplete(folder, 1));
    const { data } = await (await openTensorBundle(join(folder, 'model.ckpt-2'))).read('weights');
    assert.equal(data[length - 1], (length - 1) / 8);
  });

  test(`a ${size} checkpoint that cannot be saved is told of, and the next one is saved`, async () => {
    const folder = temporaryFolder();
    const lines: string[] = [];
    const writer = new CheckpointWriter(folder, 5, (line) => lines.push(line));
    mkdirSync(join(folder, 'model.ckpt-1.index.tmp'));
    await writer.save(1, tensorsOf(length));
    const found = `${join(folder, 'model.ckpt-1')}: cannot be saved (${join(folder, 'model.ckpt-1.index.tmp')} is a folder). There is no checkpoint in ${folder} yet; `;
    await assert.rejects(writer.finish(), (error: Error) => {
      assert.equal(error.name, 'WriteError');
      assert.ok(error.message.startsWith(found), error.message);
      return true;
    });
    assert.ok(lines.length === 1 && lines[0]!.startsWith(found), lines.join());
    await writer.save(2, tensorsOf(length));
    await writer.finish();
    await writer.close();
    assert.ok(isComplete(folder, 2) && !writer.failed.aborted);
  });
}

test('of a folder that is gone it is not said that it has no checkpoint yet', async () => {
  const folder = temporaryFolder();
  const writer = new CheckpointWriter(folder, 5);
  await writer.save(1, tensorsOf(small));
  await writer.finish();
  renameSync(folder, `${folder}-moved`);
  for (const makeAnother of [false, true]) {
    if (makeAnother) mkdirSync(folder);
    await writer.save(2, tensorsOf(small));
    await assert.rejects(
      writer.finish(),
      /cannot be saved \(.*\)\. .* itself is gone, or another folder now; /,
    );
  }
  await writer.close();
  rmSync(`${folder}-moved`, { recursive: true });
});

test('three in a row that cannot be saved are the last that are tried', async () => {
  const folder = temporaryFolder();
  const lines: string[] = [];
  const writer = new CheckpointWriter(folder, 5, (line) => lines.push(line));
  for (const step of [2, 3, 5, 6, 7]) mkdirSync(join(folder, `model.ckpt-${step}.index.tmp`));
  for (const step of [1, 2, 3, 4, 5, 6, 7]) {
    await writer.save(step, tensorsOf(small));
    await writer.ready().catch(() => {});
    assert.equal(writer.failed.aborted, step === 7, `${step}`);
  }
  const told =
    /model\.ckpt-7: cannot be saved .* The last good checkpoint is .*model\.ckpt-4; once/;
  await assert.rejects(writer.save(8, tensorsOf(small)), told);
  await assert.rejects(writer.finish(), told);
  await writer.close();
  assert.ok(!isComplete(folder, 8));
  assert.equal(lines.length, 4, 'the last is not told of, but thrown');
});

test('older ones that cannot be deleted are told of, and end nothing', async () => {
  const folder = temporaryFolder();
  const lines: string[] = [];
  const writer = new CheckpointWriter(folder, 1, (line) => lines.push(line));
  // So a network drive of Windows' says that another program has the file open.
  await setDisk({ troubles: [{ calls: ['unlink'], path: 'data-00000', code: 'EBUSY' }] });
  for (const step of [1, 2, 3, 4, 5]) {
    await writer.save(step, tensorsOf(small));
    await writer.finish();
  }
  await setDisk({});
  await writer.close();
  assert.equal(await latestCheckpoint(folder), join(folder, 'model.ckpt-5'));
  assert.equal(lines.length, 4);
  assert.match(
    lines[3]!,
    /model\.ckpt-5: is there, but not all older ones can be deleted \(resource busy or locked\)\. The run goes on\.$/,
  );
});

test('a list of checkpoints that the disk does not give for a while ends nothing', async () => {
  const folder = temporaryFolder();
  const lines: string[] = [];
  const writer = new CheckpointWriter(folder, 5, (line) => lines.push(line));
  // Reading it fails as that of a disk which fails does.
  mkdirSync(join(folder, 'checkpoint'));
  await writer.save(1, tensorsOf(small));
  await assert.rejects(writer.finish(), { name: 'WriteError' });
  assert.match(
    lines.join(),
    /model\.ckpt-1: cannot be saved \(it is a folder\)\. Which checkpoints are in .* cannot be told; the run goes on/,
  );
  rmSync(join(folder, 'checkpoint'), { recursive: true });
  await writer.save(2, tensorsOf(small));
  await writer.finish();
  await writer.close();
  assert.ok(isComplete(folder, 2));
});

test('what is wrong with other files is no trouble of the disk that might pass', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'checkpoint'), '{');
  const writer = new CheckpointWriter(folder, 5);
  await writer.save(1, tensorsOf(small));
  const told = { name: 'UserError', message: /checkpoint: is no checkpoint state/ };
  await assert.rejects(writer.finish(), told);
  await assert.rejects(writer.save(2, tensorsOf(small)), told);
  await writer.close();
});

for (const [size, length, reason] of [
  ['small', small, /detached/],
  ['large', large, /^what a thread was to do did not reach it whole \(/],
] as const) {
  test(`a ${size} checkpoint of memory that is gone fails, and nothing hangs`, async (t) => {
    const folder = temporaryFolder();
    const writer = new CheckpointWriter(folder, 5);
    t.after(() => writer.close());
    const tensors = tensorsOf(length);
    const { buffer } = tensors.get('weights')!.data;
    structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    await writer.save(1, tensors);
    await assert.rejects(writer.finish(), { message: reason });
    assert.ok(writer.failed.aborted);
    assert.deepEqual(readdirSync(folder), []);
  });
}
