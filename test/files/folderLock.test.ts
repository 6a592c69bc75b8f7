import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockFolder } from '../../src/files/folderLock.ts';
import { temporaryFolder } from '../losslens.ts';

const lockOf = (folder: string) => join(folder, 'losslens.lock');

function writeLock(folder: string, pid: number, host = hostname(), started: string | null = null) {
  writeFileSync(lockOf(folder), JSON.stringify({ pid, host, started }));
}

/** The number of a process that has ended. */
function endedProcess(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

test('a folder is locked by one at a time, and free again afterwards', async () => {
  const top = temporaryFolder();
  const folder = join(top, 'made', 'new');
  const lock = await lockFolder(folder, '--train_dir');
  await assert.rejects(
    lockFolder(folder, '--train_dir'),
    new RegExp(`^UserError: --train_dir: ".*new" is in use by process ${process.pid}; expected`),
  );
  await lock.release();
  await (await lockFolder(folder, '--train_dir')).release();
  assert.deepEqual(readdirSync(top), []);
});

test('a folder that was there, or that something was put into, stays', async () => {
  const folder = temporaryFolder();
  await (await lockFolder(folder, '--train_dir')).release();
  const used = join(folder, 'used');
  const lock = await lockFolder(used, '--train_dir');
  writeFileSync(join(used, 'model'), '');
  await lock.release();
  assert.deepEqual(readdirSync(used), ['model']);
});

test('the lock of a killed process is taken over', async () => {
  const folder = temporaryFolder();
  writeLock(folder, endedProcess());
  const lock = await lockFolder(folder, '--train_dir');
  assert.equal(JSON.parse(readFileSync(lockOf(folder), 'utf8')).pid, process.pid);
  await lock.release();
});

test('a process that got the number of a killed one does not hold its lock', {
  skip: !existsSync('/proc/self/stat') && 'the system does not say when processes started',
}, async () => {
  const folder = temporaryFolder();
  writeLock(folder, process.pid, hostname(), '1');
  await (await lockFolder(folder, '--train_dir')).release();
});

test('of many that find a stale lock, one gets it', async () => {
  const folder = temporaryFolder();
  writeLock(folder, endedProcess());
  const results = await Promise.allSettled(
    Array.from({ length: 8 }, () => lockFolder(folder, '--train_dir')),
  );
  const held = results.filter(({ status }) => status === 'fulfilled');
  assert.equal(held.length, 1);
});

test('another machine’s lock holds as long as it is touched', async () => {
  const folder = temporaryFolder();
  writeLock(folder, endedProcess(), 'elsewhere');
  await assert.rejects(lockFolder(folder, '--eval_dir'), /in use by process \d+ on elsewhere;/);
  const old = new Date(Date.now() - 600_000);
  utimesSync(lockOf(folder), old, old);
  await (await lockFolder(folder, '--eval_dir')).release();
});

test('a folder that cannot be written to is named with its flag', async () => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  await assert.rejects(
    lockFolder(file, '--train_dir'),
    /^UserError: --train_dir: cannot write to ".*file" \(EEXIST.*\); expected a folder of one's own\.$/,
  );
});
