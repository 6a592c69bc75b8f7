import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { makeDigits } from '../../../datasets/builtIn/digits.ts';
import { makeShapes } from '../../../datasets/builtIn/shapes.ts';
import { writeImageFolder, writeTfrecords } from '../../../datasets/convert.ts';
import { listSplits } from '../../../datasets/factory.ts';
import { loadCifar10 } from '../../../datasets/formats/cifar10.ts';
import { inMemory } from '../../../datasets/inMemory.ts';
import { UserError } from '../../../src/errors.ts';
import { encodeRecord } from '../../../src/files/tfrecord.ts';
import { messageType } from '../../../src/protos.ts';
import { random } from '../../../src/random.ts';
import { loadImages } from '../loadImages.ts';
import { expectSame, pixelsOf } from '../pixelsOf.ts';
import { runPython } from '../python.ts';
import { realData } from '../realData.ts';
import { temporaryFolder } from '../temporaryFolder.ts';

for (const make of [makeDigits, makeShapes]) {
  const source = make('train', 70);
  test(`${source.name} are the same after a way through TFRecords`, async (t) => {
    const folder = await temporaryFolder(t);
    const progress: number[] = [];
    await writeTfrecords(source, { folder, numShards: 1, onProgress: (n) => progress.push(n) });
    const files = [`${source.name}_train.tfrecord`, 'labels.txt'];
    assert.deepEqual((await readdir(folder)).sort(), files.sort());
    assert.deepEqual([progress[0], progress.at(-1)], [0, 70]);
    await expectSame(await loadImages({ name: source.name, folder, split: 'train' }), source);
  });

  test(`${source.name} are the same after a way through an image folder`, async (t) => {
    const folder = await temporaryFolder(t);
    await writeImageFolder(source, { folder });
    assert.deepEqual((await readdir(folder)).sort(), ['labels.txt', 'train']);
    const dataset = await loadImages({ name: 'folder', folder, split: 'train' });
    assert.equal(dataset.name, 'folder');
    await expectSame(dataset, source);
  });
}

test('shards hold the items in order, and none may be missing', async (t) => {
  const folder = await temporaryFolder(t);
  const source = makeDigits('test', 10);
  await writeTfrecords(source, { folder, numShards: 3 });
  const files = (await readdir(folder)).sort();
  assert.deepEqual(files, [
    'digits_test_00000-of-00003.tfrecord',
    'digits_test_00001-of-00003.tfrecord',
    'digits_test_00002-of-00003.tfrecord',
    'labels.txt',
  ]);
  await expectSame(await loadImages({ name: 'digits', folder, split: 'test' }), source);
  assert.deepEqual(await listSplits({ name: 'digits', folder }), ['test']);
  await assert.rejects(
    loadImages({ name: 'digits', folder, split: 'train' }),
    /--dataset_split_name: got "train"; digits has test\./,
  );
  await rm(join(folder, files[1]!));
  await assert.rejects(
    loadImages({ name: 'digits', folder, split: 'test' }),
    /digits_test_00001-of-00003\.tfrecord: is missing; expected 3 files/,
  );
});

test('however many shards there are, few files are open', async (t) => {
  const folder = await temporaryFolder(t);
  const source = makeDigits('train', 200);
  await writeTfrecords(source, { folder, numShards: 200 });
  // A shell may let a process have this many: with the 30 of Node itself fewer than shards.
  const program = `
    import { loadDataset } from ${JSON.stringify(import.meta.resolve('../../../datasets/factory.js'))};
    import { openImages } from ${JSON.stringify(import.meta.resolve('../../../datasets/images/imageReader.js'))};
    const folder = ${JSON.stringify(folder)};
    const { images, size, image } = await loadDataset({ name: 'digits', folder, split: 'train' });
    const readers = await Promise.all([1, 2, 3].map(() => openImages(images)));
    let sum = 0;
    for (let item = 0; item < 2 * size; item++) {
      await image(item % size);
      for (const reader of readers) sum += (await reader.read((7 * item) % size)).data[300];
    }
    for (const reader of readers) reader.close();
    console.log(sum);`;
  const shell = `ulimit -n 100; exec "$0" --input-type=module --eval "$1"`;
  const { stdout, stderr } = spawnSync('sh', ['-c', shell, process.execPath, program], {
    encoding: 'utf8',
  });
  const expected = source.pixels.reduce(
    (sum, value, i) => (i % 784 === 300 ? sum + value : sum),
    0,
  );
  assert.equal(stdout, `${6 * expected}\n`, stderr);
});

test('a split that is there both whole and in shards is refused', async (t) => {
  const folder = await temporaryFolder(t);
  for (const numShards of [1, 2]) {
    await writeTfrecords(makeDigits('test', 4), { folder, numShards });
  }
  await assert.rejects(
    loadImages({ name: 'digits', folder, split: 'test' }),
    /holds the split test both whole and in shards; remove one of them\./,
  );
});

test('shards of two countings are refused', async (t) => {
  const folder = await temporaryFolder(t);
  for (const numShards of [2, 4]) {
    await writeTfrecords(makeDigits('test', 8), { folder, numShards });
  }
  await assert.rejects(
    loadImages({ name: 'digits', folder, split: 'test' }),
    /holds the split test both in 2 shards and in others; remove one of them\./,
  );
});

test('a split in one file that is named as a shard is read', async (t) => {
  const folder = await temporaryFolder(t);
  const source = makeDigits('test', 4);
  await writeTfrecords(source, { folder, numShards: 1 });
  const shard = join(folder, 'digits_test_00000-of-00001.tfrecord');
  await rename(join(folder, 'digits_test.tfrecord'), shard);
  await expectSame(await loadImages({ name: 'digits', folder, split: 'test' }), source);
});

test('nothing is written over, and nothing half is left', async (t) => {
  const folder = await temporaryFolder(t);
  const source = makeDigits('train', 5);
  await writeTfrecords(source, { folder, numShards: 1 });
  await assert.rejects(writeTfrecords(source, { folder, numShards: 1 }), /exists already/);
  await writeImageFolder(source, { folder });
  await assert.rejects(writeImageFolder(source, { folder }), /train: exists already/);
  const failing = {
    ...source,
    split: 'other',
    image: async (itemIndex: number) =>
      itemIndex < 3 ? source.image(itemIndex) : assert.fail('no such image'),
  };
  await assert.rejects(writeTfrecords(failing, { folder, numShards: 2 }), /no such image/);
  await assert.rejects(writeImageFolder(failing, { folder }), /no such image/);
  assert.deepEqual((await readdir(folder)).sort(), [
    'digits_train.tfrecord',
    'labels.txt',
    'train',
  ]);
  const named = { ...source, split: 'x', classNames: ['../up', ...source.classNames.slice(1)] };
  await assert.rejects(writeImageFolder(named, { folder }), /class "\.\.\/up": no folder can have/);
});

test('names file and byte of damage: checksums, lengths and the end', async (t) => {
  const folder = await temporaryFolder(t);
  await writeTfrecords(makeDigits('train', 3), { folder, numShards: 1 });
  const path = join(folder, 'digits_train.tfrecord');
  const bytes = await readFile(path);
  const second = Number(bytes.readBigUInt64LE(0)) + 16;
  const expectError = async (damaged: Buffer, error: RegExp) => {
    await writeFile(path, damaged);
    await assert.rejects(loadImages({ name: 'digits', folder, split: 'train' }), (thrown) => {
      assert.ok(thrown instanceof UserError);
      assert.match(thrown.message, error);
      return true;
    });
  };
  const flipped = (offset: number) => {
    const copy = Buffer.from(bytes);
    copy[offset]! ^= 1;
    return copy;
  };
  await expectError(
    flipped(second),
    new RegExp(
      `digits_train\\.tfrecord, byte ${second + 8}: found length checksum [0-9a-f]{8}; expected`,
    ),
  );
  const third = second + Number(bytes.readBigUInt64LE(second)) + 16;
  await expectError(
    flipped(second + 100),
    new RegExp(`byte ${third - 4}: found data checksum [0-9a-f]{8}; expected [0-9a-f]{8}\\.`),
  );
  await expectError(bytes.subarray(0, second + 5), new RegExp(`byte ${second + 5}: the file ends`));
  await expectError(
    bytes.subarray(0, third - 1),
    new RegExp(`byte ${second}: found a record of ${third - second - 16} bytes; `),
  );
  await expectError(Buffer.alloc(0), /found no records/);
});

/** A record of an Example with these values of its two features. */
function exampleRecord(images: readonly Uint8Array[], labels: readonly number[]): Buffer {
  const payload = messageType('example.proto', 'Example').encode({
    features: {
      feature: {
        'image/encoded': { bytes_list: { value: images } },
        'image/class/label': { int64_list: { value: labels } },
      },
    },
  });
  return encodeRecord(payload);
}

test('a record of several labels or images, or of none, is refused with file, byte and count', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'x_train.tfrecord');
  const image = Buffer.from('image');
  const first = exampleRecord([image], [1]);
  for (const [second, problem] of [
    [exampleRecord([image], [0, 0, 1]), 'has 3 values of "image/class/label"; expected 1: an item'],
    [exampleRecord([image, image], [1]), 'has 2 values of "image/encoded"; expected 1: an item'],
    [exampleRecord([image], []), 'has no int64 "image/class/label"'],
    [exampleRecord([], [1]), 'has no bytes "image/encoded"'],
    [exampleRecord([Buffer.alloc(0)], [1]), 'has an empty image'],
  ] as const) {
    await writeFile(path, Buffer.concat([first, second]));
    await assert.rejects(loadImages({ name: 'x', folder, split: 'train' }), (error: Error) => {
      assert.ok(error instanceof UserError, error);
      const expected = `${path}, byte ${first.length + 12}: the record ${problem}`;
      assert.equal(error.message.slice(0, expected.length), expected);
      return true;
    });
  }
});

test('compressed TFRecords are called compressed, by their bytes and by their names', async (t) => {
  const folder = await temporaryFolder(t);
  await writeTfrecords(makeDigits('train', 3), { folder, numShards: 1 });
  const path = join(folder, 'digits_train.tfrecord');
  const bytes = await readFile(path);
  const load = () => loadImages({ name: 'digits', folder, split: 'train' });
  for (const [compression, compressed] of [
    ['gzip', gzipSync(bytes)],
    ['zlib', deflateSync(bytes)],
    ['zlib', deflateSync(bytes, { level: 1 })],
  ] as const) {
    await writeFile(path, compressed);
    const message = `digits_train\\.tfrecord: is compressed \\(${compression}\\); .*Decompress`;
    await assert.rejects(load(), new RegExp(message));
  }
  await rename(path, `${path}.gz`);
  await assert.rejects(load(), /digits_train\.tfrecord\.gz: is compressed, .*Decompress/);
  // What was kept beside the plain file does no harm.
  await writeFile(path, bytes);
  assert.equal((await load()).size, 3);
});

test('TFRecords that are named otherwise are listed, with the names that they have to have', async (t) => {
  const folder = await temporaryFolder(t);
  const load = () => loadImages({ name: 'x', folder, split: 'train' });
  await assert.rejects(load(), /\(x_SPLIT\.tfrecord\)\.$/);
  for (const file of ['train.tfrecord', 'x-train-00000-of-00001', 'notes.txt']) {
    await writeFile(join(folder, file), '');
  }
  await assert.rejects(
    load(),
    /\(x_SPLIT\.tfrecord\)\. It holds train\.tfrecord, x-train-00000-of-00001: if these are its TFRecords, rename them as x_train\.tfrecord, or with shards as x_train_00000-of-00005\.tfrecord\.$/,
  );
  await writeFile(join(folder, 'y_train.tfrecord'), '');
  await assert.rejects(load(), /It holds TFRecords of y\.$/);
});

test('a label that is too large for a class is refused where labels.txt does not name it', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'x_train.tfrecord'), exampleRecord([Buffer.of(1)], [1_000_000]));
  await assert.rejects(
    loadImages({ name: 'x', folder, split: 'train' }),
    /x_train\.tfrecord, byte 12: the record has label 1000000; expected 0 to 262143\.$/,
  );
});

test('labels that labels.txt does not have are named, and wrong lines of it', async (t) => {
  const folder = await temporaryFolder(t);
  await writeTfrecords(makeDigits('train', 30), { folder, numShards: 1 });
  const load = () => loadImages({ name: 'digits', folder, split: 'train' });
  await writeFile(join(folder, 'labels.txt'), '0:zero\n1:one\n');
  await assert.rejects(load(), /byte \d+: the record has label \d; expected 0 to 1\./);
  await writeFile(join(folder, 'labels.txt'), '0:zero\n1\n');
  await assert.rejects(load(), /labels\.txt, line 2: got "1"; expected label:name/);
  await writeFile(join(folder, 'labels.txt'), '0:zero\n2:two\n');
  await assert.rejects(load(), /labels\.txt: label 1 is missing; expected 0 to 1\./);
  await rm(join(folder, 'labels.txt'));
  assert.deepEqual((await load()).classNames.slice(0, 2), ['0', '1']);
});

test('Python TensorFlow reads what is written here', async (t) => {
  const folder = await temporaryFolder(t);
  const source = makeShapes('test', 20);
  await writeTfrecords(source, { folder, numShards: 2 });
  const program = `
import sys
import tensorflow as tf
for raw in tf.data.TFRecordDataset(sys.argv[1:]):
    item = tf.io.parse_single_example(raw, {
        'image/encoded': tf.io.FixedLenFeature((), tf.string),
        'image/format': tf.io.FixedLenFeature((), tf.string),
        'image/class/label': tf.io.FixedLenFeature((), tf.int64),
        'image/height': tf.io.FixedLenFeature((), tf.int64),
        'image/width': tf.io.FixedLenFeature((), tf.int64)})
    pixels = tf.image.decode_png(item['image/encoded']).numpy()
    print(item['image/format'].numpy().decode(), int(item['image/class/label']),
          int(item['image/height']), int(item['image/width']), pixels.tobytes().hex())
`;
  const files = [0, 1].map((i) => join(folder, `shapes_test_0000${i}-of-00002.tfrecord`));
  const printed = runPython(t, ['tensorflow'], program, files);
  if (printed === null) return;
  const expected = Array.from({ length: 20 }, (_, item) => {
    const hex = Buffer.from(source.pixels.subarray(3072 * item, 3072 * (item + 1))).toString('hex');
    return `png ${source.labels[item]} 32 32 ${hex}`;
  });
  assert.deepEqual(printed.trim().split('\n'), expected);
});

test('reads what Python TensorFlow writes, PNG and JPEG', async (t) => {
  const folder = await temporaryFolder(t);
  const program = `
import sys
import numpy as np
import tensorflow as tf
feature = lambda kind, value: tf.train.Feature(**{kind[0]: kind[1](value=[value])})
byte, integer = ('bytes_list', tf.train.BytesList), ('int64_list', tf.train.Int64List)
with tf.io.TFRecordWriter(sys.argv[1] + '/flowers_validation_00000-of-00001.tfrecord') as writer:
    for i in range(6):
        pixels = np.full((8, 12, 3), 40 * i, np.uint8)
        pixels[:4, :, 0] = 255
        encode = tf.io.encode_jpeg if i % 2 else tf.io.encode_png
        writer.write(tf.train.Example(features=tf.train.Features(feature={
            'image/encoded': feature(byte, encode(pixels).numpy()),
            'image/format': feature(byte, b'jpg' if i % 2 else b'png'),
            'image/class/label': feature(integer, i % 3),
            'image/height': feature(integer, 8), 'image/width': feature(integer, 12),
        })).SerializeToString())
open(sys.argv[1] + '/labels.txt', 'w').write('0:daisy\\n1:rose\\n2:tulip\\n')
`;
  if (runPython(t, ['numpy', 'tensorflow'], program, [folder]) === null) return;
  const dataset = await loadImages({ name: 'flowers', folder, split: 'validation' });
  assert.deepEqual(dataset.imageShape, [null, null, 3]);
  assert.deepEqual([...dataset.labels], [0, 1, 2, 0, 1, 2]);
  assert.deepEqual(dataset.classNames, ['daisy', 'rose', 'tulip']);
  for (let item = 0; item < 6; item++) {
    const { data, width, height } = await dataset.image(item);
    assert.deepEqual([height, width], [8, 12]);
    // The last pixel is far from the edge that JPEG blurs.
    for (const value of data.subarray(-3)) assert.ok(Math.abs(value - 40 * item) <= 4 * (item % 2));
    assert.ok(data[0]! > 240);
  }
});

test('a slice of the real CIFAR-10 is the same after a way through both forms', async (t) => {
  const source = realData(t, 'cifar-10-batches-bin');
  if (source === null) return;
  const all = await loadCifar10(source, 'test');
  const slice = inMemory({
    ...all,
    labels: all.labels.slice(0, 200),
    pixels: all.pixels.subarray(0, 200 * 3072),
  });
  const folder = await temporaryFolder(t);
  await writeTfrecords(slice, { folder, numShards: 1 });
  await expectSame(await loadImages({ name: 'cifar10', folder, split: 'test' }), slice);
  await writeImageFolder(slice, { folder });
  await expectSame(await loadImages({ name: 'folder', folder, split: 'test' }), slice);
});

test('a file that is changed at random gives items or a clear error', async (t) => {
  const folder = await temporaryFolder(t);
  await writeTfrecords(makeDigits('train', 3), { folder, numShards: 1 });
  const path = join(folder, 'digits_train.tfrecord');
  const bytes = await readFile(path);
  const next = random(3);
  let failed = 0;
  for (let round = 0; round < 500; round++) {
    const mutated = Buffer.from(bytes);
    mutated[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
    const length = round % 4 === 0 ? Math.floor(next() * bytes.length) : bytes.length;
    await writeFile(path, mutated.subarray(0, length));
    try {
      await pixelsOf(await loadImages({ name: 'digits', folder, split: 'train' }));
    } catch (error) {
      assert.ok(error instanceof UserError, `${error}`);
      assert.match(error.message, /digits_train\.tfrecord/);
      failed++;
    }
  }
  // Only a byte that is replaced by itself goes unnoticed, or a cut between two records.
  assert.ok(failed > 480, `${failed} of 500 were noticed`);
});
