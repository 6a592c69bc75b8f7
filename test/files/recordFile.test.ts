import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { RecordFile } from '../../src/files/recordFile.ts';
import { temporaryFolder } from '../losslens.ts';

const folder = temporaryFolder();

test('a file that is deleted or emptied while it grows is told of once, and begun anew', async () => {
  for (const [name, takeAway] of [
    ['deleted', rmSync],
    ['emptied', (path: string) => writeFileSync(path, '')],
  ] as const) {
    const path = join(folder, name);
    const told: string[] = [];
    const file = new RecordFile(path, false, ({ message }) => told.push(message));
    await file.append([]);
    for (const step of [1, 2]) await file.append([{ step }]);
    assert.deepEqual(told, []);
    takeAway(path);
    await file.append([]);
    assert.equal(told.length, 1);
    assert.match(told[0]!, /(deleted|emptied): was deleted, with all that it held; /);
    await file.append([{ step: 3 }]);
    await file.append([{ step: 4 }]);
    assert.equal(told.length, 1);
    assert.equal(readFileSync(path, 'utf8'), '{"step":3}\n{"step":4}\n');
  }
});

test('of a file that a run goes on with, what it should hold is known from the start', async () => {
  const path = join(folder, 'gone-on');
  const told: string[] = [];
  const tell = ({ message }: Error) => told.push(message);
  // It was missing before: that is told of when the run goes on.
  await new RecordFile(path, true, tell).append([{ step: 1 }]);
  assert.deepEqual(told, []);
  const file = new RecordFile(path, true, tell);
  rmSync(path);
  await file.append([{ step: 2 }]);
  assert.equal(told.length, 1);
});

test('a pipe in its place is an error, and waits for nobody', {
  skip: process.platform === 'win32' && 'the system has no named pipes',
}, async () => {
  const path = join(folder, 'piped');
  const told: string[] = [];
  const file = new RecordFile(path, false, ({ message }) => told.push(message));
  await file.append([{ step: 1 }]);
  rmSync(path);
  spawnSync('mkfifo', [path]);
  await assert.rejects(file.append([{ step: 2 }]), {
    message: `${path}: cannot be written to (it is a pipe).`,
  });
  assert.deepEqual(told, []);
});
