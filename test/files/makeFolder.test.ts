import assert from 'node:assert/strict';
import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { reasonOf } from '../../src/errors.ts';
import { makeFolder } from '../../src/files/makeFolder.ts';
import { temporaryFolder } from '../losslens.ts';

test('the first folder that was made is told', async () => {
  const folder = temporaryFolder();
  const deep = join(folder, 'a', 'b', 'c');
  assert.equal(await makeFolder(deep), join(folder, 'a'));
  assert.ok(statSync(deep).isDirectory());
  assert.equal(await makeFolder(join(deep, 'd')), join(deep, 'd'));
  assert.equal(await makeFolder(deep), undefined);
  assert.equal(await makeFolder('.'), undefined);
  assert.equal(await makeFolder('/'), undefined);
});

test('many who make the same folder, and one who takes it away, all come to an end', async () => {
  const folder = temporaryFolder();
  const deep = join(folder, 'a', 'b', 'c', 'd');
  const remove = () => rm(join(folder, 'a'), { recursive: true, force: true }).catch(() => {});
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => (i % 5 === 4 ? remove() : makeFolder(deep))),
  );
  await makeFolder(deep);
  assert.ok(existsSync(deep));
});

const folder = temporaryFolder();
writeFileSync(join(folder, 'file'), '');
symlinkSync(join(folder, 'nowhere'), join(folder, 'link'));
mkdirSync(join(folder, 'there'));
const long = join(folder, 'missing', 'x'.repeat(300));

for (const [what, path, named, reason] of [
  ['a file', join(folder, 'file'), join(folder, 'file'), 'file already exists'],
  [
    'below a file',
    join(folder, 'file', 'a', 'b'),
    join(folder, 'file', 'a', 'b'),
    'it is no folder',
  ],
  [
    'below a link to nowhere',
    join(folder, 'link', 'a'),
    join(folder, 'link'),
    'file already exists',
  ],
  ['a name that is too long', long, long, 'name too long'],
  ...(process.platform === 'linux'
    ? ([
        ['below /proc', '/proc/x', '/proc/x', 'no such file or folder'],
        ['deep below /proc', '/proc/x/y/z', '/proc/x', 'no such file or folder'],
        ['below /sys', '/sys/x', '/sys/x', 'operation not permitted'],
      ] as const)
    : []),
] as const) {
  test(`a folder that cannot be made is named with the reason: ${what}`, async () => {
    await assert.rejects(makeFolder(path), (error: Error) => {
      assert.equal(error.name, 'WriteError');
      assert.ok(error.message.startsWith(`${named}: cannot be made (${reason}`), error.message);
      assert.ok(reasonOf(error).startsWith(reason), reasonOf(error));
      return true;
    });
    assert.ok(!existsSync(join(folder, 'missing')), 'nothing is left');
  });
}
