import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { partialOf, replaceFolder } from '../../src/files/replaceFolder.ts';
import { temporaryFolder } from '../losslens.ts';
import { setDisk } from '../reliability/faultyDisk.ts';

const module = new URL('../../src/files/replaceFolder.js', import.meta.url).href;

test('processes that replace one folder at once all succeed, and leave one whole folder', async () => {
  const folder = temporaryFolder();
  const target = join(folder, 'engine');
  const program = join(temporaryFolder(), 'program.mjs');
  writeFileSync(
    program,
    `import { mkdirSync, writeFileSync } from 'node:fs';
     import { partialOf, replaceFolder } from ${JSON.stringify(module)};
     const [target] = process.argv.slice(2);
     for (let i = 0; i < 100; i++) {
       mkdirSync(partialOf(target));
       writeFileSync(partialOf(target) + '/file', 'whole');
       await replaceFolder(partialOf(target), target);
     }`,
  );
  const processes = Array.from({ length: 3 }, () => fork(program, [target], { execArgv: [] }));
  const codes = await Promise.all(processes.map(async (child) => (await once(child, 'close'))[0]));
  assert.deepEqual(codes, [0, 0, 0]);
  assert.deepEqual(readdirSync(folder), ['engine']);
  assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'whole');
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
