import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FeatureStore, featureBytes } from '../../src/model/featureStore.ts';
import { temporaryFolder } from '../losslens.ts';

const folder = temporaryFolder();
const path = join(folder, 'features');

for (const [where, maxMemory] of [
  ['memory', 1000],
  ['a file', 10],
] as const) {
  for (const precision of ['float16', 'float32'] as const) {
    test(`features are read as they were put, in ${where}, as ${precision}`, async () => {
      const options = { shape: [2, 3], sourceSize: 9, items: 4, precision };
      const store = FeatureStore.open(options, path, maxMemory);
      // Exact in either precision.
      const values = Float32Array.from({ length: 24 }, (_, i) => i / 8 - 1);
      await store.put([7, 2], { data: values.slice(0, 12), shape: [2, 2, 3] });
      await store.put([0, 8], { data: values.slice(12), shape: [2, 2, 3] });
      assert.deepEqual(
        Array.from({ length: 9 }, (_, item) => store.has(item)),
        [true, false, true, false, false, false, false, true, true],
      );
      const { data, shape } = await store.read([8, 7]);
      assert.deepEqual(shape, [2, 2, 3]);
      assert.deepEqual([...data], [...values.slice(18), ...values.slice(0, 6)]);
      await store.close();
      assert.ok(!existsSync(path));
    });
  }
}

test('half precision takes two bytes a number', () => {
  const options = { shape: [2, 3], sourceSize: 9, items: 4 };
  assert.equal(featureBytes({ ...options, precision: 'float16' }), 48);
  assert.equal(featureBytes({ ...options, precision: 'float32' }), 96);
});

test('a file that cannot be made is named, and what is not kept there is not known', async () => {
  const options = { shape: [4], sourceSize: 9, items: 9, precision: 'float32' } as const;
  const store = FeatureStore.open(options, join(folder, 'missing', 'features'), 10);
  const features = { data: new Float32Array(8), shape: [2, 4] };
  await assert.rejects(
    store.put([1, 2], features),
    /^WriteError: .*missing.features: cannot be written to/,
  );
  assert.ok(!store.has(1) && !store.has(2));
  await store.close();
});
