import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Cleanup } from '../../src/cleanup.ts';
import { beginFolder, partialOf, replaceFolder } from '../../src/files/replaceFolder.ts';
import { temporaryFolder } from '../losslens.ts';
import { setDisk } from '../reliability/faultyDisk.ts';
import type { FileCall } from '../reliability/fileCalls.ts';

/** Begins to gather a folder. @returns how it ended */
function begin(target: string, work: (gathered: string) => void | Promise<void>): Promise<void> {
  const use = { command: 'engine install', setting: 'LOSSLENS_HOME', signal: undefined };
  return Cleanup.after(async (cleanup) => work(await beginFolder(target, 0, use, cleanup)));
}

test('what another process would gather at the same time is refused', async () => {
  const folder = temporaryFolder();
  const target = join(folder, 'engine');
  await begin(target, async (gathered) => {
    await assert.rejects(
      begin(target, () => {}),
      /^UserError: LOSSLENS_HOME: ".*" is in use by process .*; expected a folder that no other process writes to\. Wait until that one has ended, name another folder, or delete .*losslens\.lock if nothing runs there\.$/,
    );
    assert.deepEqual(readdirSync(gathered), []);
    writeFileSync(join(gathered, 'file'), 'whole');
    await replaceFolder(gathered, target);
  });
  assert.deepEqual(readdirSync(folder), ['engine']);
  assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'whole');
});

test('what killed processes have left of a folder is deleted before it is gathered, and of no other one', async () => {
  const folder = temporaryFolder();
  const left = ['engine.partial-1', 'engine.replaced', partialOf('engine'), 'other.partial-1'];
  for (const name of ['engine', ...left])
    mkdirSync(join(folder, name, 'deep'), { recursive: true });
  await begin(join(folder, 'engine'), () => {});
  assert.deepEqual(readdirSync(folder), ['engine', 'other.partial-1']);
});

test('whenever a process is killed that replaces a folder, the next one finds it or the new one', async (t) => {
  t.after(() => setDisk({}));
  for (const [killedAt, found] of [
    [1, 'old'],
    [2, 'old'],
    [3, 'new'],
  ]) {
    const target = join(temporaryFolder(), 'engine');
    for (const [folder, content] of [
      [target, 'old'],
      [partialOf(target), 'new'],
    ] as const) {
      mkdirSync(folder);
      writeFileSync(join(folder, 'file'), content);
    }
    let renames = 0;
    await new Promise<void>((killed) => {
      const onCall = ({ name }: FileCall) => {
        if (name !== 'rename' || ++renames !== killedAt) return;
        killed();
        return new Promise<void>(() => {});
      };
      void setDisk({ onCall }).then(() => replaceFolder(partialOf(target), target));
    });
    await setDisk({});
    await begin(target, () => {});
    assert.equal(readFileSync(join(target, 'file'), 'utf8'), found);
    assert.deepEqual(readdirSync(dirname(target)), ['engine']);
  }
});

test('where the folder that was there cannot be put back either, the first failure is told', async (t) => {
  const target = join(temporaryFolder(), 'engine');
  for (const folder of [target, partialOf(target)]) mkdirSync(folder);
  const rename = { calls: ['rename'], path: 'engine' };
  const troubles = [
    { ...rename, from: 2, count: 1, code: 'EIO' },
    { ...rename, from: 2, code: 'EROFS' },
  ];
  t.after(() => setDisk({}));
  await setDisk({ troubles });
  await assert.rejects(replaceFolder(partialOf(target), target), { code: 'EIO' });
});
