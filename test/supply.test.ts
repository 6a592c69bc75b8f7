import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../src/packageRoot.ts';
import { temporaryFolder } from './losslens.ts';

const folder = temporaryFolder();

/** Runs a script of .ci with Node. */
function runScript(name: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, [join(packageRoot, '.ci', name), ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 60_000,
  });
}

/** Lists the licences of packages that a lock file names. */
function licencesOf(licences: Readonly<Record<string, string | undefined>>) {
  const lock = join(folder, 'package-lock.json');
  const packages = Object.entries(licences).map(([name, license]) => [
    `node_modules/${name}`,
    { version: '1.0.0', license },
  ]);
  writeFileSync(lock, JSON.stringify({ packages: Object.fromEntries(packages) }));
  return runScript('licences.js', [lock]);
}

test('every package that losslens locks is listed, under a licence that allows its use', () => {
  const { status, stdout, stderr } = runScript('licences.js');
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^commander \d[\d.]+: MIT$/m);
});

test('a package without a permissive licence is refused by its name', () => {
  const { status, stderr } = licencesOf({
    copyleft: 'GPL-3.0-only',
    either: '(MIT OR GPL-3.0-only)',
    both: 'MIT AND GPL-3.0-only',
    silent: undefined,
    other: 'LGPL-3.0-or-later',
    '@img/sharp-libvips-linux-x64': 'LGPL-3.0-or-later',
    'dejavu-fonts-ttf': 'GPL-3.0-only',
    'a/node_modules/nested': 'UNLICENSED',
  });
  assert.equal(status, 1);
  const refused = [...stderr.matchAll(/(\S+) 1\.0\.0 \(/g)].map(([, name]) => name);
  assert.deepEqual(refused, ['copyleft', 'both', 'silent', 'other', 'dejavu-fonts-ttf', 'nested']);
});

test('advisories that cannot be asked for are no clean result', () => {
  const { status, stdout, stderr } = runScript('advisories.js', [], {
    npm_config_registry: 'http://127.0.0.1:9/',
    npm_config_fetch_retries: '0',
  });
  assert.equal(status, 2, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^advisories: not known, .* does not answer: .*ECONNREFUSED.*\n$/);
});
