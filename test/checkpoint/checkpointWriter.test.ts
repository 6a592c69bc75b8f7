import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { latestCheckpoint, saveCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import { CheckpointWriter } from '../../src/checkpoint/checkpointWriter.ts';
import { type CheckpointTensor, openTensorBundle } from '../../src/checkpoint/tensorBundle.ts';
import { temporaryFolder } from '../losslens.ts';

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

  test(`a ${size} checkpoint that cannot be saved is told of at the next one and at the end`, async () => {
    const folder = temporaryFolder();
    const writer = new CheckpointWriter(folder, 5);
    const inTheWay = join(folder, 'model.ckpt-1.index.tmp');
    mkdirSync(inTheWay);
    await writer.save(1, tensorsOf(length));
    const told = {
      name: 'UserError',
      message: `${join(folder, 'model.ckpt-1')}: cannot be saved (it is a folder).`,
    };
    await assert.rejects(writer.finish(), told);
    assert.ok(writer.failed.aborted);
    rmdirSync(inTheWay);
    await assert.rejects(writer.save(2, tensorsOf(length)), told);
    await writer.close();
    assert.ok(!isComplete(folder, 2));
  });
}
