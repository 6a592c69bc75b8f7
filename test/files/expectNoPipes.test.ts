import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockFolder } from '../../src/files/folderLock.ts';
import { readRunRecord } from '../../src/runFiles/runRecord.ts';
import { temporaryFolder } from '../losslens.ts';

const skip = process.platform === 'win32' && 'the system has no named pipes';

test('a pipe in the folder of a run is refused by whoever writes to it or reads it, also behind a link', {
  skip,
}, async () => {
  const elsewhere = join(temporaryFolder(), 'pipe');
  spawnSync('mkfifo', [elsewhere]);
  for (const name of ['losslens.lock', 'run.json', 'items.csv.tmp', 'monitoring.jsonl']) {
    const folder = temporaryFolder();
    const path = join(folder, name);
    const refusal = {
      name: 'UserError',
      message: `${path}: is a pipe, at which whoever opens it waits; expected files in the folder of a run. Delete it.`,
    };
    for (const make of [() => spawnSync('mkfifo', [path]), () => symlinkSync(elsewhere, path)]) {
      make();
      await assert.rejects(lockFolder(folder, '--train_dir'), refusal);
      await assert.rejects(readRunRecord(folder), refusal);
      assert.deepEqual(readdirSync(folder), [name]);
      rmSync(path);
    }
  }
});

test('files, folders, and links to them, to devices and to nowhere are left to who reads them', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), '');
  mkdirSync(join(folder, 'folder'));
  for (const [name, target] of [
    ['to-file', 'file'],
    ['to-folder', 'folder'],
    ['to-device', '/dev/null'],
    ['to-nowhere', 'nothing'],
  ] as const) {
    symlinkSync(target, join(folder, name));
  }
  assert.equal(await readRunRecord(folder), undefined);
  await (await lockFolder(folder, '--train_dir')).release();
});
