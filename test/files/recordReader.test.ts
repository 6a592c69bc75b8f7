import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRecords } from '../../src/files/recordReader.ts';
import { temporaryFolder } from '../losslens.ts';

test('what is no file is refused at once, and a pipe not waited at', {
  skip: process.platform === 'win32' && 'the system has no named pipes',
}, () => {
  const folder = temporaryFolder();
  const refused = (path: string, reason: string) =>
    assert.throws(() => readRecords(path).next(), {
      name: 'UserError',
      message: `${path}: cannot be read (${reason}).`,
    });
  const pipe = join(folder, 'pipe.tfrecord');
  spawnSync('mkfifo', [pipe]);
  refused(pipe, 'it is a pipe or a device');
  refused('/dev/null', 'it is a pipe or a device');
  const inner = join(folder, 'folder.tfrecord');
  mkdirSync(inner);
  refused(inner, 'it is a folder');
});
