import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../losslens.ts';

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
