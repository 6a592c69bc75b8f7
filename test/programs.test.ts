import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../src/packageRoot.ts';

/** What starts a program from its name and a list of arguments, without a shell that would read them. */
const withoutShell = ['fork', 'spawn', 'spawnSync', 'execFile', 'execFileSync'];

/** How a source could have a shell read text, one line for each. */
function shellsIn(source: string): string[] {
  const found: string[] = [];
  const mentions = source.match(/['"](?:node:)?child_process['"]/g) ?? [];
  const imports = [
    ...source.matchAll(/import (type )?\{([^}]*)\} from ['"](?:node:)?child_process['"]/g),
  ];
  if (mentions.length !== imports.length) found.push('child_process as a whole');
  for (const [, type, names = ''] of imports) {
    if (type !== undefined) continue;
    const values = names.split(',').map((name) => name.trim().split(' as ')[0]!);
    for (const name of values) {
      if (name !== '' && !name.startsWith('type ') && !withoutShell.includes(name))
        found.push(name);
    }
  }
  if (mentions.length > 0 && /\bshell\b\s*[:,}]|['"]shell['"]/.test(source)) found.push('shell');
  return found;
}

test('what would have a shell read text is seen', () => {
  const from = "from 'node:child_process'";
  assert.deepEqual(shellsIn(`import { spawn, type ChildProcess } ${from}; spawn('ls', [])`), []);
  assert.deepEqual(shellsIn(`import { exec } ${from};`), ['exec']);
  assert.deepEqual(shellsIn(`import { fork, execSync as run } ${from};`), ['execSync']);
  assert.deepEqual(shellsIn(`import { spawn } ${from}; spawn(text, { shell: true })`), ['shell']);
  assert.deepEqual(shellsIn(`import { spawn } ${from}; spawn(text, { shell })`), ['shell']);
  for (const whole of [`import * as it ${from};`, "require('child_process')"]) {
    assert.deepEqual(shellsIn(whole), ['child_process as a whole']);
  }
});

test('no program is started through a shell', () => {
  const files = ['bin', 'src', 'datasets'].flatMap((folder) =>
    readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.c?ts$/.test(name))
      .map((name) => join(folder, name)),
  );
  assert.ok(files.includes('src/engines/runProgram.ts'));
  const found = files.flatMap((file) =>
    shellsIn(readFileSync(join(packageRoot, file), 'utf8')).map((each) => `${file}: ${each}`),
  );
  assert.deepEqual(found, []);
});
