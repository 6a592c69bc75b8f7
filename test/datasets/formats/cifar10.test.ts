import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { cifar10Splits, loadCifar10 } from '../../../datasets/formats/cifar10.ts';
import { UserError } from '../../../src/errors.ts';
import { runPython } from '../python.ts';
import { realData } from '../realData.ts';
import { temporaryFolder } from '../temporaryFolder.ts';

/** A record whose planes have the values 10, 20 and 30, and the first pixel 1, 2, 3. */
function record(label: number): Buffer {
  const bytes = Buffer.alloc(3073);
  bytes[0] = label;
  for (let c = 0; c < 3; c++) {
    bytes.fill(10 * (c + 1), 1 + c * 1024, 1 + (c + 1) * 1024);
    bytes[1 + c * 1024] = c + 1;
  }
  return bytes;
}

async function binaryFolder(t: TestContext, testBatch: Buffer): Promise<string> {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'test_batch.bin'), testBatch);
  return folder;
}

/** Writes the binary form anew as pickles, as numpy and Python 2 or 3 do. */
const toPickles = `
import pickle, sys
import numpy as np
source, target, protocol = sys.argv[1], sys.argv[2], int(sys.argv[3])
rows = np.fromfile(source, np.uint8).reshape(-1, 3073)
batch = {'batch_label': 'testing batch 1 of 1', 'labels': rows[:, 0].tolist(),
         'data': np.ascontiguousarray(rows[:, 1:]), 'filenames': ['a.png'] * len(rows)}
if protocol < 3:
    batch = {key.encode(): value for key, value in batch.items()}
pickle.dump(batch, open(target, 'wb'), protocol=protocol)
`;

test('reads binary records, their planes put pixel by pixel', async (t) => {
  const folder = await binaryFolder(t, Buffer.concat([record(3), record(9)]));
  const dataset = await loadCifar10(folder, 'test');
  assert.equal(dataset.size, 2);
  assert.deepEqual([...dataset.labels], [3, 9]);
  assert.equal(dataset.classNames[3], 'cat');
  assert.deepEqual(dataset.imageShape, [32, 32, 3]);
  assert.deepEqual([...(await dataset.image(1)).data.subarray(0, 6)], [1, 2, 3, 10, 20, 30]);
});

test('finds the folder that the archive makes', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'cifar-10-batches-bin'));
  await writeFile(join(folder, 'cifar-10-batches-bin', 'test_batch.bin'), record(1));
  assert.equal((await loadCifar10(folder, 'test')).size, 1);
});

test('reads the five training batches in their order', async (t) => {
  const folder = await temporaryFolder(t);
  for (let i = 1; i <= 5; i++) await writeFile(join(folder, `data_batch_${i}.bin`), record(i));
  assert.deepEqual([...(await loadCifar10(folder, 'train')).labels], [1, 2, 3, 4, 5]);
  assert.deepEqual(cifar10Splits, ['train', 'test']);
});

test('names file, offset, found and expected of damage', async (t) => {
  const both = Buffer.concat([record(3), record(10)]);
  const expectError = async (bytes: Buffer, error: RegExp) => {
    await assert.rejects(loadCifar10(await binaryFolder(t, bytes), 'test'), (thrown) => {
      assert.ok(thrown instanceof UserError);
      assert.match(thrown.message, error);
      return true;
    });
  };
  await expectError(both, /test_batch\.bin, byte 3073: found label 10; expected 0 to 9\./);
  await expectError(
    both.subarray(0, 4000),
    /test_batch\.bin, byte 3073: found 4000 bytes in all; expected records of 3073 bytes\./,
  );
  await expectError(Buffer.alloc(0), /byte 0: found 0 bytes in all/);
});

test('names what was looked for when there is nothing, and a missing batch', async (t) => {
  const folder = await temporaryFolder(t);
  await assert.rejects(
    loadCifar10(folder, 'train'),
    /found no CIFAR-10 \(data_batch_1\.bin or cifar-10-batches-bin\/, data_batch_1 or cifar-10-batches-py\//,
  );
  await writeFile(join(folder, 'data_batch_1.bin'), record(1));
  await assert.rejects(loadCifar10(folder, 'train'), /data_batch_2\.bin: cannot be read/);
});

for (const protocol of [2, 3, 4, 5]) {
  test(`reads what Python pickles with protocol ${protocol} as it does the binary form`, async (t) => {
    const folder = await binaryFolder(t, Buffer.concat([record(3), record(0), record(9)]));
    const pickles = join(folder, 'pickles', 'cifar-10-batches-py');
    await mkdir(pickles, { recursive: true });
    const args = [join(folder, 'test_batch.bin'), join(pickles, 'test_batch'), `${protocol}`];
    if (runPython(t, ['numpy'], toPickles, args) === null) return;
    const binary = await loadCifar10(folder, 'test');
    const pickled = await loadCifar10(join(folder, 'pickles'), 'test');
    assert.deepEqual(pickled.labels, binary.labels);
    assert.deepEqual(pickled.pixels, binary.pixels);
  });
}

test('both forms of the real CIFAR-10 hold the same', async (t) => {
  const source = realData(t, 'cifar-10-batches-bin');
  if (source === null) return;
  const folder = await temporaryFolder(t);
  const args = [join(source, 'test_batch.bin'), join(folder, 'test_batch'), '2'];
  if (runPython(t, ['numpy'], toPickles, args) === null) return;
  const pickled = await loadCifar10(folder, 'test');
  const binary = await loadCifar10(source, 'test');
  assert.equal(binary.size, 10_000);
  assert.deepEqual([...binary.labels.subarray(0, 5)], [3, 8, 8, 0, 6]);
  assert.ok(Buffer.from(pickled.pixels).equals(Buffer.from(binary.pixels)));
  assert.deepEqual(pickled.labels, binary.labels);
});
