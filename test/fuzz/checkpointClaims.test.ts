import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { latestCheckpoint, openCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import { encodeSliceKey } from '../../src/checkpoint/sliceKey.ts';
import { decodeTable, encodeTable } from '../../src/checkpoint/sortedTable.ts';
import { assembleSlices, bundleFiles } from '../../src/checkpoint/tensorBundle.ts';
import { maskedCrc32c } from '../../src/files/crc32c.ts';
import { messageType } from '../../src/protos.ts';
import { temporaryFolder } from '../losslens.ts';
import { expectCheapRefusal } from './cheapRefusal.ts';
import { blocksOf, tableOf, varint } from './tables.ts';

const entryType = messageType('tensor_bundle.proto', 'BundleEntryProto');
const headerType = messageType('tensor_bundle.proto', 'BundleHeaderProto');
const slicesType = messageType('saved_tensor_slice.proto', 'SavedTensorSlices');

test('tensors of a checkpoint share no bytes, however many name them', async () => {
  const prefix = join(temporaryFolder(), 'model.ckpt-1');
  const { data, index } = bundleFiles(prefix);
  const values = Buffer.alloc(4_000_000);
  writeFileSync(data, values);
  const entry = entryType.encode({
    dtype: 'DT_FLOAT',
    shape: { dim: [{ size: 1_000_000 }] },
    size: values.length,
    crc32c: maskedCrc32c(values),
  });
  const names = Array.from({ length: 1000 }, (_, i) => [Buffer.from(`w${i}`), entry] as const);
  const header = headerType.encode({ num_shards: 1 });
  writeFileSync(index, encodeTable([[Buffer.alloc(0), header], ...names]));
  await expectCheapRefusal(
    () => openCheckpoint(prefix),
    /\.index: two of its tensors share byte 0/,
  );
});

/** Where the block begins of which all keys follow the first, in a table's form. */
const oneRestart = Buffer.of(0, 0, 0, 0, 1, 0, 0, 0);

test('a block that an index names again and again is read once', async () => {
  const { data } = blocksOf(encodeTable([[Buffer.from('key'), Buffer.alloc(100_000)]]));
  const handle = Buffer.from([0, ...varint(data.length)]);
  const entry = Buffer.concat([Buffer.of(0, 3, handle.length), Buffer.from('key'), handle]);
  const naming = (times: number) =>
    tableOf({ data, index: Buffer.concat([...Array<Buffer>(times).fill(entry), oneRestart]) });
  assert.equal(decodeTable('a', naming(1)).size, 1);
  await expectCheapRefusal(
    () => decodeTable('a', naming(100_000)),
    /^a, byte \d+: found keys that do not ascend/,
  );
});

test('keys that repeat one long prefix are refused', async () => {
  const prefix = Buffer.alloc(50_000, 'a');
  const entries = Array.from({ length: 20_000 }, (_, i) => {
    const last = Buffer.alloc(3);
    last.writeUIntBE(i, 0, 3);
    return i === 0
      ? Buffer.from([0, ...varint(prefix.length + 3), 0, ...prefix, ...last])
      : Buffer.from([...varint(prefix.length), 3, 0, ...last]);
  });
  const data = Buffer.concat([...entries, oneRestart]);
  const handle = Buffer.from([0, ...varint(data.length)]);
  const index = Buffer.concat([Buffer.of(0, 1, handle.length, 0x7a), handle, oneRestart]);
  await expectCheapRefusal(
    () => decodeTable('a', tableOf({ data, index })),
    /keys that take far more room/,
  );
});

test('slices that do not fit into their variable are refused', async () => {
  const path = join(temporaryFolder(), 'a.ckpt');
  const shape = { dim: [{ size: 4 }] };
  const slice = (start: number, length: number) => ({ extent: [{ start, length }] });
  const meta = (...slices: readonly ReturnType<typeof slice>[]) =>
    slicesType.encode({
      meta: { tensor: [{ name: 'w', shape, type: 'DT_FLOAT', slice: slices }] },
    });
  for (const slices of [
    [slice(-4, 4)],
    [slice(0, 4), slice(0, 4)],
    Array.from({ length: 10_000 }, () => slice(0, 4)),
  ]) {
    const { start, length } = slices[0]!.extent[0]!;
    const key = Buffer.from(encodeSliceKey('w', [{ start, length }]), 'latin1');
    const data = slicesType.encode({
      data: { name: 'w', slice: slices[0]!, data: { float_val: [1, 2, 3, 4] } },
    });
    writeFileSync(
      path,
      encodeTable([
        [Buffer.alloc(0), meta(...slices)],
        [key, data],
      ]),
    );
    const { read } = await openCheckpoint(path);
    await expectCheapRefusal(() => read('w'), /the slices of "w" hold|the 1 slices of "w" hold/);
  }
});

test('the file checkpoint leads nowhere but into its own folder', async () => {
  const other = temporaryFolder();
  writeFileSync(join(other, 'model.ckpt-9.index'), '');
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'sub'));
  for (const name of [join(other, 'model.ckpt-9'), `../${other.split('/').at(-1)}/model.ckpt-9`]) {
    writeFileSync(join(folder, 'checkpoint'), `model_checkpoint_path: ${JSON.stringify(name)}\n`);
    assert.equal(await latestCheckpoint(folder), undefined);
  }
  writeFileSync(join(folder, 'checkpoint'), 'model_checkpoint_path: "sub/model.ckpt-3"\n');
  writeFileSync(join(folder, 'sub', 'model.ckpt-3.index'), '');
  assert.equal(await latestCheckpoint(folder), join(folder, 'sub', 'model.ckpt-3'));
});

test('a slice with more axes than its variable is refused', () => {
  const part = { shape: [2, 1], data: new Float32Array(2) };
  assert.throws(
    () => assembleSlices('a', 'w', [2], [{ extents: [{ start: 0, length: 2 }], part }]),
    /^UserError: a: the 1 slices of "w" hold 2 elements; expected to fill \[2\]/,
  );
});
