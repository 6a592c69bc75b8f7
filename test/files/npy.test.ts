import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeNpy } from '../../src/files/npy.ts';
import { temporaryFolder } from '../losslens.ts';
import { runPython, skipWithoutPython } from '../python.ts';

const folder = temporaryFolder();
const path = (name: string) => join(folder, name);

/** An array as numpy reads it. */
interface Read {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: unknown;
  readonly offset: number;
}

test('numpy reads the arrays, and can map them', {
  skip: skipWithoutPython('numpy'),
}, async () => {
  await writeNpy(path('labels.npy'), 'int64', [3], [BigInt64Array.of(7n, -1n, 2n ** 40n)]);
  const rows = [Float32Array.of(0.5, 0.25), Float32Array.of(-3, 1e-30, 8, 9)];
  await writeNpy(path('rows.npy'), 'float32', [3, 2], rows);
  await writeNpy(path('none.npy'), 'float32', [0, 10], []);
  // Longer than one line of 64 bytes.
  await writeNpy(path('deep.npy'), 'float32', Array(30).fill(1), [Float32Array.of(4)]);
  const files = ['labels', 'rows', 'deep'].map((name) => path(`${name}.npy`));
  const [labels, pairs, deep] = runPython('npy_read.py', ...files) as Read[];
  assert.deepEqual(labels, {
    dtype: 'int64',
    shape: [3],
    values: [7, -1, 2 ** 40],
    offset: labels!.offset,
  });
  assert.deepEqual([pairs!.dtype, pairs!.shape], ['float32', [3, 2]]);
  assert.deepEqual(pairs!.values, [
    [0.5, 0.25],
    [-3, Math.fround(1e-30)],
    [8, 9],
  ]);
  assert.equal(deep!.shape.length, 30);
  for (const { offset } of [labels!, pairs!, deep!]) assert.equal(offset % 64, 0);
  assert.equal(readFileSync(path('none.npy')).length % 64, 0);
});

test('an array of another size than its shape leaves what was there before', async () => {
  const target = path('before.npy');
  writeFileSync(target, 'before');
  for (const values of [[1], [1, 2, 3]]) {
    await assert.rejects(
      writeNpy(target, 'float32', [2], [Float32Array.from(values)]),
      new RegExp(`${values.length} elements of an array of \\[2\\]`),
    );
  }
  assert.equal(readFileSync(target, 'utf8'), 'before');
});
