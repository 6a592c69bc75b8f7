import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { itemOf } from '../../datasets/dataset.ts';
import { loadDataset } from '../../datasets/factory.ts';
import { UserError } from '../../src/errors.ts';
import { temporaryFolder } from './temporaryFolder.ts';

/** The user "nobody": root may read everything. */
const nobody = 65534;
const isRoot = process.geteuid?.() === 0;
const skip = process.geteuid === undefined ? 'files have no permissions here' : false;
before(() => {
  if (isRoot) process.seteuid!(nobody);
});
after(() => {
  if (isRoot) process.seteuid!(0);
});

/** By form, what its split `test` is read from. */
const sources: Readonly<Record<string, string>> = {
  mnist: 't10k-images-idx3-ubyte',
  cifar10: 'test_batch.bin',
  records: 'records_test.tfrecord',
  folder: 'test/cat/0.png',
  tsv: 'test.tsv',
};
/** For each of them, that it may not be read itself, or not its folder. */
const closed = Object.entries(sources).flatMap(([name, source]) => [
  { name, source, what: source },
  { name, source, what: dirname(source) },
]);
for (const { name, source, what } of closed) {
  test(`${name}: ${what} is named when it may not be read`, { skip }, async (t) => {
    const folder = await temporaryFolder(t);
    const path = join(folder, what);
    await mkdir(join(folder, dirname(source)), { recursive: true });
    await writeFile(join(folder, source), '');
    await chmod(path, 0);
    try {
      const readFirst = async () => itemOf(await loadDataset({ name, folder, split: 'test' }), 0);
      await assert.rejects(readFirst(), (error: Error) => {
        assert.ok(error instanceof UserError, error);
        assert.ok(error.message.startsWith(path), error.message);
        assert.match(error.message, /cannot be read \(permission denied\)/);
        return true;
      });
    } finally {
      await chmod(path, 0o700);
    }
  });
}
