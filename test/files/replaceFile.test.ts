import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { replaceFile, replaceFileByParts } from '../../src/files/replaceFile.ts';
import { temporaryFolder } from '../losslens.ts';

test('a file stays as it was when a part of the new one cannot be made', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'page.html');
  writeFileSync(path, 'before');
  const parts = function* () {
    yield 'half';
    throw new TypeError('no picture');
  };
  await assert.rejects(replaceFileByParts(path, parts()), { name: 'TypeError' });
  assert.equal(readFileSync(path, 'utf8'), 'before');
  await replaceFileByParts(path, ['a', 'b']);
  assert.equal(readFileSync(path, 'utf8'), 'ab');
  assert.deepEqual(readdirSync(folder), ['page.html']);
});

test('a file that cannot be written is named', async () => {
  const path = join(temporaryFolder(), 'nowhere', 'file');
  await assert.rejects(
    replaceFile(path, ''),
    /^WriteError: .*nowhere\/file: cannot be written to \(/,
  );
});
