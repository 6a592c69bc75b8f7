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
const file = join(folder, 'file');
const link = join(folder, 'link');
const nowhere = join(folder, 'nowhere');
const ofLink = `"${link}" is a link to "${nowhere}", where no folder is`;
writeFileSync(file, '');
symlinkSync(nowhere, link);
mkdirSync(join(folder, 'there'));
const long = join(folder, 'missing', 'x'.repeat(300));

for (const [what, path, named, reason] of [
  ['a file', file, file, `"${file}" is a file`],
  ['a file with a slash', `${file}/`, `${file}/`, `"${file}" is a file`],
  ['below a file', join(file, 'a', 'b'), join(file, 'a', 'b'), `"${file}" is a file`],
  ['below a link to nowhere', join(link, 'a'), link, ofLink],
  ['a link to nowhere', link, link, ofLink],
  ['a name that is too long', long, long, 'name too long'],
  ...(process.platform === 'linux'
    ? ([
        ['below /proc', '/proc/x', '/proc/x', 'no such file or folder'],
        ['a device', '/dev/null', '/dev/null', '"/dev/null" is no folder'],
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
