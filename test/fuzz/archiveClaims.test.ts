import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { create, Header } from 'tar';
import { readNumpyPickle } from '../../datasets/formats/numpyPickle.ts';
import { UserError } from '../../src/errors.ts';
import { unpackFiles } from '../../src/files/unpackFiles.ts';
import { readTorchFile } from '../../src/weights/torchFile.ts';
import { temporaryFolder } from '../losslens.ts';
import { callOf, torchBytes } from '../weights/torchBytes.ts';
import { expectCheapRefusal } from './cheapRefusal.ts';

test('no pickle calls anything, whatever it names', () => {
  const marker = join(temporaryFolder(), 'executed');
  const name = fc.oneof(
    fc.constantFrom(
      ...['os', 'posix', 'subprocess', 'builtins', '__builtin__', 'numpy', 'torch', 'constructor'],
      ...['system', 'Popen', 'eval', 'exec', 'getattr', '__import__', 'load', '__proto__'],
    ),
    fc.string({ minLength: 1, maxLength: 8 }).map((text) => text.replace(/\s/g, '_')),
  );
  fc.assert(
    fc.property(name, name, (module, attribute) => {
      const call = callOf(module, attribute, `touch ${marker}`);
      const pickle = Buffer.concat([Buffer.of(0x80, 2), call, Buffer.from('.')]);
      for (const read of [
        () => readNumpyPickle(pickle),
        () => readTorchFile('a', torchBytes([{ name: 'w', shape: [1], values: [1] }], call)),
      ]) {
        assert.throws(read, (error: Error) =>
          /found the function|unknown arguments/.test(error.message),
        );
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(!existsSync(marker));
});

test('a pickle that names one text again and again takes no more memory than its bytes allow', async () => {
  const text = Buffer.alloc(1_000_000, 'a');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const copy = Buffer.from('c_codecs\nencode\nh\x00h\x01\x86R', 'latin1');
  const pickle = Buffer.concat([
    Buffer.from('\x80\x02](', 'latin1'),
    ...[
      Buffer.from('X'),
      length,
      text,
      Buffer.from('q\x00X\x06\x00\x00\x00latin1q\x0100', 'latin1'),
    ],
    ...Array<Buffer>(20_000).fill(copy),
    Buffer.from('e.'),
  ]);
  await expectCheapRefusal(() => readNumpyPickle(pickle), /far more memory than its bytes/);
});

test('a tensor of one value at many places is refused', async () => {
  const bytes = torchBytes([{ name: 'w', shape: [1, 1], values: [1] }]);
  const sizes = Buffer.from(
    '(J\x01\x00\x00\x00J\x01\x00\x00\x00t(J\x01\x00\x00\x00J\x01\x00\x00\x00t',
    'latin1',
  );
  const at = bytes.indexOf(sizes);
  assert.ok(at > 0);
  for (const place of [2, 7]) bytes.writeInt32LE(1_000_000, at + place);
  for (const place of [14, 19]) bytes.writeInt32LE(0, at + place);
  await expectCheapRefusal(
    () => readTorchFile('a', bytes),
    /^a, byte \d+: found unknown arguments/,
  );
});

/** An archive of one entry. */
function archiveOf(
  fields: ConstructorParameters<typeof Header>[0],
  content = Buffer.alloc(0),
): Buffer {
  const header = new Header(fields);
  const block = Buffer.alloc(512);
  header.encode(block);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([block, content, padding, Buffer.alloc(1024)]);
}

test('an archive writes nothing outside of its folder, whatever its paths and links say', async () => {
  const root = temporaryFolder();
  const target = join(root, 'target');
  mkdirSync(target);
  const archive = join(root, 'archive.tar');
  const part = fc.constantFrom('..', '.', 'a', 'one.bin', '', '/', '\\', '..\\', 'C:', '~');
  const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
  const type = fc.constantFrom('File', 'Link', 'SymbolicLink', 'Directory', 'FIFO', 'OldFile');
  await fc.assert(
    fc.asyncProperty(path, path, type, async (name, linkpath, type) => {
      const content = Buffer.from('owned');
      const size = type === 'File' || type === 'OldFile' ? content.length : 0;
      const fields = { path: name || 'x', linkpath, type, size, mode: 0o644 } as const;
      writeFileSync(archive, archiveOf(fields as never, size > 0 ? content : undefined));
      await unpackFiles(archive, target, ['a/one.bin']).catch((error: Error) => {
        assert.ok(error instanceof UserError, error);
        assert.ok(error.message.includes(archive));
      });
      assert.deepEqual(readdirSync(root).sort(), ['archive.tar', 'target']);
      const inside = readdirSync(target, { recursive: true });
      assert.ok(
        inside.every((file) => ['a', 'a/one.bin'].includes(String(file))),
        `${inside}`,
      );
    }),
    { numRuns: 200 },
  );
});

test('an archive that unpacks to more than 4 GiB is refused by what it says', async () => {
  const root = temporaryFolder();
  const archive = join(root, 'archive.tar');
  const size = 2 ** 33 - 1;
  writeFileSync(archive, archiveOf({ path: 'a.bin', type: 'File', size, mode: 0o644 }));
  await expectCheapRefusal(
    () => unpackFiles(archive, root, ['a.bin']),
    /archive\.tar: cannot be unpacked \(/,
  );
  assert.ok(!existsSync(join(root, 'a.bin')));
});

test('what an archive is refused for leaves nothing that is still being written', async () => {
  const root = temporaryFolder();
  const archive = join(root, 'archive.tar');
  const names = Array.from({ length: 50 }, (_, i) => `${i}/${i}.bin`);
  const content = Buffer.alloc(1000);
  const whole = names.map((path) =>
    archiveOf({ path, type: 'File', size: content.length, mode: 0o644 }, content).subarray(0, 1536),
  );
  const damaged = archiveOf({ path: 'last.bin', type: 'File', size: 0, mode: 0o644 });
  damaged[0]!++;
  writeFileSync(archive, Buffer.concat([...whole, damaged]));
  for (let i = 0; i < 20; i++) {
    const target = join(root, 'target');
    mkdirSync(target);
    await assert.rejects(
      unpackFiles(archive, target, names),
      /archive\.tar: cannot be unpacked \(/,
    );
    rmSync(target, { recursive: true });
    await setTimeout(5);
    assert.ok(!existsSync(target));
  }
});

test('an intact archive is unpacked', async () => {
  const root = temporaryFolder();
  writeFileSync(join(root, 'a.bin'), 'one');
  await create({ cwd: root, file: join(root, 'archive.tar') }, ['a.bin']);
  mkdirSync(join(root, 'target'));
  await unpackFiles(join(root, 'archive.tar'), join(root, 'target'), ['a.bin']);
  assert.ok(existsSync(join(root, 'target', 'a.bin')));
});
