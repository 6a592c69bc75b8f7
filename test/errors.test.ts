import assert from 'node:assert/strict';
import fs, { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { constants } from 'node:os';
import { test } from 'node:test';
import { UserError, unreadable, writeError } from '../src/errors.ts';
import { temporaryFolder } from './losslens.ts';

/** What reading a path throws. */
function failureOf(path: string): unknown {
  try {
    return readFileSync(path);
  } catch (error) {
    return error;
  }
}

test('a file that cannot be read is named with flag, byte, reason and remedy', () => {
  const error = Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', errno: -5 });
  assert.equal(unreadable('a.bin', error).message, 'a.bin: cannot be read (i/o error).');
  assert.equal(
    unreadable('a.bin', error, { flag: '--labels_file', byte: 7, remedy: 'copy it again' }).message,
    '--labels_file: a.bin, byte 7: cannot be read (i/o error); copy it again.',
  );
  assert.equal(writeError('a.bin', error).message, 'a.bin: cannot be written to (i/o error).');
  const code = `Unknown system error -${constants.errno.EDQUOT}`;
  const quota = Object.assign(new Error(code), { code, errno: -constants.errno.EDQUOT });
  assert.equal(writeError('b', quota).message, 'b: cannot be written to (disk quota exceeded).');
});

test('reasons are words, not codes', () => {
  const folder = temporaryFolder();
  const messageOf = (path: string) => unreadable('x', failureOf(path)).message;
  assert.equal(messageOf(`${folder}/none`), 'x: cannot be read (no such file or folder).');
  assert.equal(messageOf(folder), 'x: cannot be read (it is a folder).');
  assert.match(messageOf('/dev/null/x'), /^x: cannot be read \(it is no folder, or a part/);
  // What was said before stays; what is no fault of the system's keeps its own words.
  const before = new UserError('said before');
  assert.equal(unreadable('x', before), before);
  assert.equal(
    unreadable('x', new Error('a line too long')).message,
    'x: cannot be read (a line too long).',
  );
});

test('of a disk that has room and no inodes, that is said', (t) => {
  const full = { code: 'ENOSPC', errno: -constants.errno.ENOSPC, path: '/disk/file' };
  const messageWith = (found: { files: number; ffree: number }) => {
    t.mock.method(fs, 'statfsSync', () => found);
    syncBuiltinESMExports();
    return writeError('x', Object.assign(new Error(), full)).message;
  };
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  assert.match(messageWith({ files: 100, ffree: 3 }), /\(no inodes are left, .*df -i\)\.$/);
  for (const other of [
    { files: 100, ffree: 16 },
    { files: 0, ffree: 0 },
  ]) {
    assert.equal(messageWith(other), 'x: cannot be written to (no space left on device).');
  }
});
