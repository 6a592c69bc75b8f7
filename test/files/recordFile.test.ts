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
    const file = new RecordFile(path, ({ message }) => told.push(message));
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

test('of a file that an older one took the place of, or that ends within a line, the missing bytes are told', async () => {
  const [first, second, third] = [1, 2, 3].map((step) => `{"step":${step}}\n`);
  for (const [left, held] of [
    [first, `${first}${third}`],
    [`${first}{"st`, `${first}{"st\n${third}`],
  ] as const) {
    const path = join(folder, `shorter-${left!.length}`);
    const told: string[] = [];
    const file = new RecordFile(path, ({ message }) => told.push(message));
    for (const step of [1, 2]) await file.append([{ step }]);
    writeFileSync(path, left!);
    await file.append([{ step: 3 }]);
    await file.append([]);
    const bytes = first!.length + second!.length;
    assert.deepEqual(told, [
      `${path}: was cut short, or an older one put in its place: ${bytes - left!.length} of its ${bytes} bytes are gone; it goes on without them.`,
    ]);
    assert.equal(readFileSync(path, 'utf8'), held);
    assert.equal(file.bytes, held.length);
  }
});

test('of a file that a run goes on with, what it holds at the start is to stay', async () => {
  const path = join(folder, 'gone-on');
  const told: string[] = [];
  const tell = ({ message }: Error) => told.push(message);
  await new RecordFile(path, tell).append([{ step: 1 }]);
  assert.deepEqual(told, []);
  const file = new RecordFile(path, tell);
  file.keep();
  rmSync(path);
  await file.append([{ step: 2 }]);
  assert.equal(told.length, 1);
});

test('a pipe in its place is an error, and waits for nobody', {
  skip: process.platform === 'win32' && 'the system has no named pipes',
}, async () => {
  const path = join(folder, 'piped');
  const told: string[] = [];
  const file = new RecordFile(path, ({ message }) => told.push(message));
  await file.append([{ step: 1 }]);
  rmSync(path);
  spawnSync('mkfifo', [path]);
  await assert.rejects(file.append([{ step: 2 }]), {
    message: `${path}: cannot be written to (it is a pipe).`,
  });
  assert.deepEqual(told, []);
});
