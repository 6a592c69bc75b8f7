import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ownName, replaceFile, replaceFileByParts } from '../../src/files/replaceFile.ts';
import { temporaryFolder } from '../losslens.ts';
import { setDisk } from '../reliability/faultyDisk.ts';

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

test('two that write a file at once under names of their own leave one of both, whole', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'page.html');
  const write = (text: string) => {
    const parts = Array.from({ length: 20 }, () => text);
    return replaceFileByParts(path, parts, 0, ownName(path));
  };
  await Promise.all([write('first'), write('second')]);
  assert.match(readFileSync(path, 'utf8'), /^((first){20}|(second){20})$/);
  assert.deepEqual(readdirSync(folder), ['page.html']);
});

test('a file that cannot be written is named', async () => {
  const path = join(temporaryFolder(), 'nowhere', 'file');
  await assert.rejects(
    replaceFile(path, ''),
    /^WriteError: .*nowhere\/file: cannot be written to \(/,
  );
});

test('a folder that is in the way of the temporary file is named', async () => {
  const path = join(temporaryFolder(), 'file');
  mkdirSync(`${path}.tmp`);
  await assert.rejects(replaceFile(path, ''), {
    message: `${path}: cannot be written to (${path}.tmp is a folder).`,
  });
});

test('a large file is not begun where there is no room for it', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'items.csv');
  writeFileSync(path, 'before');
  writeFileSync(`${path}.tmp`, 'of a killed process'.repeat(100));
  let isBegun = false;
  const parts = function* () {
    isBegun = true;
    yield 'x'.repeat(1500);
  };
  await setDisk({ room: { folder, bytes: 2000 } });
  await assert.rejects(replaceFileByParts(path, parts(), 2500), {
    name: 'WriteError',
    message: `${path}: cannot be written to (it needs 2.5 kB, and 2.0 kB are free).`,
  });
  assert.ok(!isBegun);
  assert.equal(readFileSync(path, 'utf8'), 'before');
  // What the killed process left is in nobody's way.
  await replaceFileByParts(path, parts(), 1500);
  await setDisk({});
  assert.deepEqual(readdirSync(folder), ['items.csv']);
});
