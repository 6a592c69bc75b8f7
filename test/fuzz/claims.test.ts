/** Small files that claim to be large, or to lead elsewhere. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { create, Header } from 'tar';
import { readNumpyPickle } from '../../datasets/formats/numpyPickle.ts';
import { decodeImage } from '../../datasets/images/decodeImage.ts';
import { readClassNames } from '../../datasets/labels/classNames.ts';
import { latestCheckpoint, openCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import { decodeTable, encodeTable } from '../../src/checkpoint/sortedTable.ts';
import { bundleFiles } from '../../src/checkpoint/tensorBundle.ts';
import { resolveRunFlags } from '../../src/commands/runFlags.ts';
import { UserError } from '../../src/errors.ts';
import { maskedCrc32c } from '../../src/files/crc32c.ts';
import { PickleError } from '../../src/files/pickle.ts';
import { unpackFiles } from '../../src/files/unpackFiles.ts';
import { messageType } from '../../src/protos.ts';
import { readTorchFile } from '../../src/weights/torchFile.ts';
import { bmp, pngChunk, tiff } from '../datasets/makeFiles.ts';
import { temporaryFolder } from '../losslens.ts';
import { callOf, torchBytes } from '../weights/torchBytes.ts';
import { peakBytes } from './hostile.ts';

/** Has something refused at once. */
async function expectCheapRefusal(read: () => unknown, message: RegExp): Promise<void> {
  const startMs = performance.now();
  const before = peakBytes();
  await assert.rejects(
    async () => read(),
    (error: Error) => {
      assert.ok(error instanceof UserError || error instanceof PickleError, error.stack);
      assert.match(error.message, message);
      return true;
    },
  );
  assert.ok(performance.now() - startMs < 2000, `${performance.now() - startMs} ms`);
  const growth = peakBytes() - before;
  assert.ok(growth < 100 * 2 ** 20, `took ${growth} bytes`);
}

const side = 31_623;
const small = sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } });

function png(width: number, height: number, samples: Buffer): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(samples)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Small images whose headers say that they have 10⁹ pixels. */
async function absurdImages(): Promise<readonly (readonly [string, Buffer])[]> {
  const jpeg = await small.clone().jpeg().toBuffer();
  const frame = jpeg.indexOf(Buffer.of(0xff, 0xc0));
  jpeg.writeUInt16BE(side, frame + 5);
  jpeg.writeUInt16BE(side, frame + 7);
  const webp = await small.clone().webp({ lossless: true }).toBuffer();
  // 14 bits each, less one.
  webp.writeUInt32LE((16_382 | (16_382 << 14)) >>> 0, webp.indexOf('VP8L') + 9);
  const wideTiff = tiff(20, 16, 3, new Uint8Array(960));
  for (const tag of [256, 257]) {
    const entry = Buffer.alloc(8);
    entry.writeUInt16LE(tag);
    entry.writeUInt16LE(4, 2);
    entry.writeUInt32LE(1, 4);
    wideTiff.writeUInt32LE(side, wideTiff.indexOf(entry) + 8);
  }
  const wideBmp = bmp(20, 16, [1, 2, 3]);
  wideBmp.writeInt32LE(side, 18);
  wideBmp.writeInt32LE(-side, 22);
  return [
    ['PNG', png(side, side, Buffer.alloc(10))],
    ['JPEG', jpeg],
    ['WebP', webp],
    ['TIFF', wideTiff],
    ['BMP', wideBmp],
  ];
}

test('images that claim 10⁹ pixels are refused by their headers', async () => {
  for (const [form, bytes] of await absurdImages()) {
    await expectCheapRefusal(
      () => decodeImage(bytes, `a ${form}`, { channels: 3, size: { side: 8, fit: 'crop' } }),
      /^a \w+: (has \d+×\d+ pixels; expected at most 67108864 in all|cannot be decoded)/,
    );
  }
});

test('a BMP of less than its samples is refused before the picture is made', async () => {
  const cut = bmp(20, 16, [1, 2, 3]);
  cut.writeInt32LE(8000, 18);
  cut.writeInt32LE(8000, 22);
  await expectCheapRefusal(
    () => decodeImage(cut, 'a', { channels: 3, size: null }),
    /^a: cannot be decoded \(it ends after 1014 bytes of 192000054\)/,
  );
});

test('drawings are no images', async () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><use href="/x"/></svg>';
  await expectCheapRefusal(
    () => decodeImage(Buffer.from(svg), 'a.png', { channels: 3, size: null }),
    /^a\.png: cannot be decoded .*unsupported image format/,
  );
});

test('a line of labels.txt takes no longer than its length', async () => {
  const folder = temporaryFolder();
  writeFileSync(
    join(folder, 'labels.txt'),
    `0:${' '.repeat(1_000_000)}\u2028x\n1${' '.repeat(1_000_000)}`,
  );
  await expectCheapRefusal(
    () => readClassNames(folder),
    /labels\.txt, line 2: got "1\s.*more char/s,
  );
});

const entryType = messageType('tensor_bundle.proto', 'BundleEntryProto');
const headerType = messageType('tensor_bundle.proto', 'BundleHeaderProto');
const slicesType = messageType('saved_tensor_slice.proto', 'SavedTensorSlices');

test('tensors of a checkpoint share no bytes, however many name them', async () => {
  const prefix = join(temporaryFolder(), 'model.ckpt-1');
  const { data, index } = bundleFiles(prefix);
  const values = Buffer.alloc(4_000_000);
  writeFileSync(data, values);
  const entry = entryType.encode({
    dtype: 'DT_FLOAT',
    shape: { dim: [{ size: 1_000_000 }] },
    size: values.length,
    crc32c: maskedCrc32c(values),
  });
  const names = Array.from({ length: 1000 }, (_, i) => [Buffer.from(`w${i}`), entry] as const);
  const header = headerType.encode({ num_shards: 1 });
  writeFileSync(index, encodeTable([[Buffer.alloc(0), header], ...names]));
  await expectCheapRefusal(
    () => openCheckpoint(prefix),
    /\.index: two of its tensors share byte 0/,
  );
});

/** A table whose index names one block several times. */
function repeatedBlocks(times: number): Buffer {
  const table = encodeTable([[Buffer.from('key'), Buffer.alloc(100_000)]]);
  const size = table.readUIntBE(0, 1); // Of the shared prefix: none.
  assert.equal(size, 0);
  const dataBytes = 100_000 + 1 + 1 + 3 + 3 + 8;
  const data = table.subarray(0, dataBytes + 5);
  const handle = Buffer.from([0, ...varint(dataBytes)]);
  const entry = Buffer.concat([Buffer.of(0, 3, handle.length), Buffer.from('key'), handle]);
  const block = Buffer.concat([
    ...Array<Buffer>(times).fill(entry),
    Buffer.of(0, 0, 0, 0, 1, 0, 0, 0),
  ]);
  const trailer = Buffer.alloc(5);
  trailer.writeUInt32LE(maskedCrc32c(Buffer.concat([block, Buffer.of(0)])), 1);
  const footer = Buffer.alloc(48);
  Buffer.from([0, 0, ...varint(data.length), ...varint(block.length)]).copy(footer);
  footer.writeBigUInt64LE(0xdb4775248b80fb57n, 40);
  return Buffer.concat([data, block, trailer, footer]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

test('a block that an index names again and again is read once', async () => {
  assert.equal(decodeTable('a', repeatedBlocks(1)).size, 1);
  await expectCheapRefusal(
    () => decodeTable('a', repeatedBlocks(100_000)),
    /^a, byte \d+: found keys that do not ascend/,
  );
});

test('keys that repeat one long prefix are refused', async () => {
  // As encodeTable writes them, but for the whole table without restarts.
  const entries = Array.from({ length: 20_000 }, (_, i) => {
    const last = Buffer.alloc(3);
    last.writeUIntBE(i, 0, 3);
    return i === 0
      ? Buffer.from([0, ...varint(50_003), 0, ...Buffer.alloc(50_000, 'a'), ...last])
      : Buffer.from([...varint(50_000), 3, 0, ...last]);
  });
  const block = Buffer.concat([...entries, Buffer.of(0, 0, 0, 0, 1, 0, 0, 0)]);
  const sealed = (bytes: Buffer) => {
    const trailer = Buffer.alloc(5);
    trailer.writeUInt32LE(maskedCrc32c(Buffer.concat([bytes, Buffer.of(0)])), 1);
    return Buffer.concat([bytes, trailer]);
  };
  const handle = Buffer.from([0, ...varint(block.length)]);
  const index = Buffer.concat([
    Buffer.of(0, 1, handle.length, 0x7a),
    handle,
    Buffer.of(0, 0, 0, 0, 1, 0, 0, 0),
  ]);
  const footer = Buffer.alloc(48);
  Buffer.from([0, 0, ...varint(block.length + 5), ...varint(index.length)]).copy(footer);
  footer.writeBigUInt64LE(0xdb4775248b80fb57n, 40);
  const table = Buffer.concat([sealed(block), sealed(index), footer]);
  await expectCheapRefusal(() => decodeTable('a', table), /keys that take far more room/);
});

test('slices that do not fit into their variable are refused', async () => {
  const path = join(temporaryFolder(), 'a.ckpt');
  const shape = { dim: [{ size: 4 }] };
  const slice = (start: number, length: number) => ({ extent: [{ start, length }] });
  const meta = (...slices: readonly ReturnType<typeof slice>[]) =>
    slicesType.encode({
      meta: { tensor: [{ name: 'w', shape, type: 'DT_FLOAT', slice: slices }] },
    });
  for (const slices of [
    [slice(-4, 4)],
    [slice(0, 4), slice(0, 4)],
    Array.from({ length: 10_000 }, () => slice(0, 4)),
  ]) {
    const { encodeSliceKey } = await import('../../src/checkpoint/sliceKey.ts');
    const { start, length } = slices[0]!.extent[0]!;
    const key = Buffer.from(encodeSliceKey('w', [{ start, length }]), 'latin1');
    const data = slicesType.encode({
      data: { name: 'w', slice: slices[0]!, data: { float_val: [1, 2, 3, 4] } },
    });
    writeFileSync(
      path,
      encodeTable([
        [Buffer.alloc(0), meta(...slices)],
        [key, data],
      ]),
    );
    const { read } = await openCheckpoint(path);
    await expectCheapRefusal(() => read('w'), /the slices of "w" hold|the 1 slices of "w" hold/);
  }
});

test('the file checkpoint leads nowhere but into its own folder', async () => {
  const other = temporaryFolder();
  writeFileSync(join(other, 'model.ckpt-9.index'), '');
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'sub'));
  for (const name of [join(other, 'model.ckpt-9'), `../${other.split('/').at(-1)}/model.ckpt-9`]) {
    writeFileSync(join(folder, 'checkpoint'), `model_checkpoint_path: ${JSON.stringify(name)}\n`);
    assert.equal(await latestCheckpoint(folder), undefined);
  }
  writeFileSync(join(folder, 'checkpoint'), 'model_checkpoint_path: "sub/model.ckpt-3"\n');
  writeFileSync(join(folder, 'sub', 'model.ckpt-3.index'), '');
  assert.equal(await latestCheckpoint(folder), join(folder, 'sub', 'model.ckpt-3'));
});

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
        assert.ok(error instanceof UserError, error.stack);
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

test('an intact archive is unpacked', async () => {
  const root = temporaryFolder();
  writeFileSync(join(root, 'a.bin'), 'one');
  await create({ cwd: root, file: join(root, 'archive.tar') }, ['a.bin']);
  mkdirSync(join(root, 'target'));
  await unpackFiles(join(root, 'archive.tar'), join(root, 'target'), ['a.bin']);
  assert.ok(existsSync(join(root, 'target', 'a.bin')));
});

test('no folder makes its own code run: weights.json names what is built in', async () => {
  const folder = temporaryFolder();
  const module = join(folder, 'network.mjs');
  writeFileSync(
    module,
    `import { writeFileSync } from 'node:fs'; writeFileSync('${folder}/ran', '');`,
  );
  writeFileSync(join(folder, 'weights.json'), JSON.stringify({ name: module, classes: 10 }));
  await expectCheapRefusal(
    () => resolveRunFlags(folder, {}),
    /weights\.json: does not say which published weights/,
  );
  assert.ok(!existsSync(join(folder, 'ran')));
});

test('run.json has flags as the command line would', async () => {
  const folder = temporaryFolder();
  const write = (flags: object) =>
    writeFileSync(
      join(folder, 'run.json'),
      JSON.stringify({ flags, precision: {}, dataset: { classes: ['a'] } }),
    );
  write({ batch_size: '7', hm: ['pool1', 'pool2'], label_noise: 0.5, max_number_of_steps: null });
  const { batch_size, hm, label_noise } = await resolveRunFlags(folder, {}, false);
  assert.deepEqual([batch_size, hm, label_noise], [7, ['pool1', 'pool2'], 0.5]);
  for (const flags of [{ batch_size: -1 }, { batch_size: {} }, { engine: 'x' }, { seed: '1e99' }]) {
    write(flags);
    await expectCheapRefusal(() => resolveRunFlags(folder, {}, false), /run\.json: --\w+: got/);
  }
});
