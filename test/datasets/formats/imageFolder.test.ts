import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { type ImageDataset, imagesOf } from '../../../datasets/dataset.ts';
import { writePictures } from '../../../datasets/datasetPictures.ts';
import { describeDataset } from '../../../datasets/describe.ts';
import { type DatasetOptions, listSplits } from '../../../datasets/factory.ts';
import { loadCifar10 } from '../../../datasets/formats/cifar10.ts';
import type { SkippedItem } from '../../../datasets/images/encodedDataset.ts';
import { placeOf } from '../../../datasets/itemPlaces.ts';
import { UsageError, UserError } from '../../../src/errors.ts';
import { loadImages } from '../loadImages.ts';
import { bmp } from '../makeFiles.ts';
import { pixelsOf } from '../pixelsOf.ts';
import { runPython } from '../python.ts';
import { realData } from '../realData.ts';
import { temporaryFolder } from '../temporaryFolder.ts';

type Format = 'png' | 'jpeg' | 'webp' | 'gif';

/** An image of one colour. */
function plainImage(
  format: Format,
  [width, height]: readonly [number, number],
  color: readonly number[],
): Promise<Buffer> {
  const [r = 0, g = 0, b = 0] = color;
  const image = sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
  return image.toFormat(format, { lossless: true, quality: 100 }).toBuffer();
}

async function writeFiles(folder: string, files: Readonly<Record<string, Uint8Array>>) {
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
}

const load = (folder: string, options: Partial<DatasetOptions> = {}) =>
  loadImages({ name: 'folder', folder, split: 'train', ...options });

const size = [4, 3] as const;
const red = [250, 10, 20];

/** CLASS/NUMBER.png with as many grey levels as there are images. */
async function numberedFolder(t: TestContext, perClass: number): Promise<string> {
  const folder = await temporaryFolder(t);
  for (let i = 0; i < 2 * perClass; i++) {
    const bytes = await plainImage('png', [2, 2], [i, i, i]);
    const name = `${String(i).padStart(4, '0')}.png`;
    await writeFiles(folder, { [join(i % 2 === 0 ? 'even' : 'odd', name)]: bytes });
  }
  return folder;
}

/** The first sample of every image. */
async function valuesOf(dataset: ImageDataset): Promise<number[]> {
  const values: number[] = [];
  for await (const { image } of imagesOf(dataset)) values.push(image.data[0]!);
  return values;
}

test('decodes PNG, JPEG, WebP, GIF and BMP', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, {
    'train/red/0.png': await plainImage('png', size, red),
    'train/red/1.JPG': await plainImage('jpeg', size, red),
    'train/red/2.jpeg': await plainImage('jpeg', size, red),
    'train/red/3.webp': await plainImage('webp', size, red),
    'train/red/4.gif': await plainImage('gif', size, red),
    'train/red/5.bmp': bmp(...size, red),
  });
  const dataset = await load(folder);
  assert.equal(dataset.size, 6);
  assert.deepEqual(dataset.imageShape, [null, null, 3]);
  const { height, width } = await dataset.image(0);
  assert.deepEqual([height, width], [3, 4]);
  (await pixelsOf(dataset)).forEach((value, i) => {
    // JPEG is not lossless.
    assert.ok(Math.abs(value - red[i % 3]!) <= 3, `item ${Math.floor(i / 36)}: ${value}`);
  });
});

test('classes are named as their folders, in the order of their characters, in every split', async (t) => {
  const folder = await temporaryFolder(t);
  const image = await plainImage('png', size, red);
  await writeFiles(folder, {
    'train/b/0.png': image,
    'train/B/1.png': image,
    'train/a/2.png': image,
    'train/a/notes.txt': image,
    'train/a/.hidden.png': image,
    'test/b/0.png': image,
  });
  const train = await load(folder);
  assert.deepEqual(train.classNames, ['B', 'a', 'b']);
  assert.deepEqual([...train.labels], [2, 0, 1]);
  const testSplit = await load(folder, { split: 'test' });
  assert.deepEqual(testSplit.classNames, train.classNames);
  assert.deepEqual([...testSplit.labels], [2]);
});

test('items are ordered by file name, then class', async (t) => {
  const dataset = await load(await numberedFolder(t, 5));
  assert.deepEqual(await valuesOf(dataset), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual([...dataset.labels], [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
});

test('an item is described by its file', async (t) => {
  const folder = await numberedFolder(t, 2);
  const { items, places } = await load(folder);
  assert.deepEqual(
    Array.from(items, (item) => placeOf(places!, item)),
    ['even/0000.png', 'odd/0001.png', 'even/0002.png', 'odd/0003.png'].map((name) =>
      join(folder, name),
    ),
  );
});

test('draws a validation split by its seed: parts of each class, disjoint, complete', async (t) => {
  const folder = await numberedFolder(t, 10);
  const values = async (split: string, seed: number) => {
    return valuesOf(await load(folder, { split, validationShare: 0.3, seed }));
  };
  const validation = await values('validation', 1);
  assert.equal(validation.filter((value) => value % 2 === 0).length, 3);
  assert.equal(validation.filter((value) => value % 2 === 1).length, 3);
  const all = [...validation, ...(await values('train', 1))].sort((a, b) => a - b);
  assert.deepEqual(
    all,
    Array.from({ length: 20 }, (_, i) => i),
  );
  assert.deepEqual(await values('validation', 1), validation);
  assert.notDeepEqual(await values('validation', 2), validation);
});

test('images are in colour unless all are grey or grey is wanted', async (t) => {
  const folder = await temporaryFolder(t);
  const color = await plainImage('png', size, red);
  const grey = await sharp(color).toColourspace('b-w').png().toBuffer();
  const transparent = await sharp(color).ensureAlpha(0.5).png().toBuffer();
  await writeFiles(folder, { 'a/0.png': grey, 'a/1.png': grey });
  assert.equal((await load(folder)).imageShape[2], 1);
  assert.equal((await load(folder, { channels: 3 })).imageShape[2], 3);
  await writeFiles(folder, { 'a/1.png': transparent });
  const dataset = await load(folder);
  assert.equal(dataset.imageShape[2], 3);
  const [r, g, b] = (await dataset.image(0)).data;
  assert.deepEqual([r, r], [g, b]);
  // Half of it on white.
  assert.deepEqual([...(await dataset.image(1)).data.subarray(0, 3)], [252, 132, 137]);
  const inGrey = await (await load(folder, { channels: 1 })).image(1);
  assert.equal(inGrey.data.length, 12);
});

test('images keep their sizes, unless a side is given', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, {
    'a/0.png': await plainImage('png', size, red),
    'a/1.png': await plainImage('png', [5, 3], red),
  });
  const extents = async (dataset: ImageDataset) => {
    const found: (readonly [number, number])[] = [];
    for await (const { image } of imagesOf(dataset)) found.push([image.width, image.height]);
    return found;
  };
  // biome-ignore format: pairs
  assert.deepEqual(await extents(await load(folder)), [[4, 3], [5, 3]]);
  const resized = await load(folder, { size: { side: 8, fit: 'crop' } });
  assert.deepEqual(resized.imageShape, [8, 8, 3]);
  // biome-ignore format: pairs
  assert.deepEqual(await extents(resized), [[8, 8], [8, 8]]);
  assert.deepEqual([...(await resized.image(1)).data.subarray(0, 3)], red);
});

test('an image that cannot be decoded is named, or left out and reported', async (t) => {
  const folder = await temporaryFolder(t);
  const good = await plainImage('jpeg', [40, 40], red);
  await writeFiles(folder, {
    'a/0.jpg': good.subarray(0, good.length / 2),
    'a/1.jpg': good,
    'a/2.png': Buffer.from('not an image'),
    'a/3.png': Buffer.alloc(0),
    'b/4.bmp': Buffer.from('BM and no more'),
    'b/5.jpg': good,
  });
  await assert.rejects(pixelsOf(await load(folder)), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /a\/0\.jpg: cannot be decoded \(.+\); expected an intact image\./);
    return true;
  });
  let skipped: readonly SkippedItem[] = [];
  const dataset = await load(folder, {
    onBadItem: 'skip',
    onSkipped: (items) => {
      skipped = items;
    },
  });
  // Items keep their numbers, and those that are left out keep theirs.
  assert.equal(dataset.size, 6);
  assert.deepEqual([...dataset.items], [1, 5]);
  assert.deepEqual([...dataset.labels], [0, 0, 0, 0, 1, 1]);
  assert.ok((await dataset.image(5)).data.length > 0);
  assert.deepEqual(
    skipped.map(({ itemIndex }) => itemIndex),
    [0, 2, 3, 4],
  );
  assert.match(skipped[3]!.reason, /4\.bmp: cannot be decoded/);
  assert.equal(skipped[3]!.source, join(folder, 'train/b/4.bmp').replace('train/', ''));
  await rm(join(folder, 'a/1.jpg'));
  await rm(join(folder, 'b/5.jpg'));
  await assert.rejects(load(folder, { onBadItem: 'skip' }), /found no image that can be decoded/);
});

test('missing and empty folders, classes and splits are named', async (t) => {
  const folder = await temporaryFolder(t);
  await assert.rejects(load(folder), /found no folders; expected CLASS\/\* or SPLIT\/CLASS\/\*/);
  await assert.rejects(
    load(join(folder, 'none')),
    /none: cannot be read \(no such file or folder\)/,
  );
  await writeFiles(folder, { 'file.png': Buffer.alloc(1) });
  await assert.rejects(
    load(join(folder, 'file.png')),
    /file\.png: cannot be read \(it is no folder/,
  );
  const image = await plainImage('png', size, red);
  await writeFiles(folder, { 'train/a/0.png': image });
  await assert.rejects(
    load(folder, { split: 'test' }),
    (error) => error instanceof UsageError && /got "test"; .* has train\./.test(error.message),
  );
});

/** What a folder of these files and empty folders (names that end in /) is read as. */
async function readAs(
  t: TestContext,
  names: readonly string[],
  options: Partial<DatasetOptions> = {},
) {
  const folder = await temporaryFolder(t);
  const image = await plainImage('png', size, red);
  for (const name of names) {
    if (name.endsWith('/')) await mkdir(join(folder, name), { recursive: true });
    else await writeFiles(folder, { [name]: image });
  }
  const notes: string[] = [];
  const onNote = (line: string) => notes.push(line.replaceAll(folder, 'DIR'));
  const dataset = await load(folder, { onNote, ...options });
  return { dataset, notes, splits: await listSplits({ name: 'folder', folder }), folder };
}

/** Each in a folder of a run that train or evaluate leaves. */
const runFiles = ['run.json', 'model.ckpt-7.index', 'losslens.lock', 'events.out.tfevents.1.host'];

test('folders of runs are neither split nor class, whatever pictures are in them', async (t) => {
  const runs = runFiles.flatMap((file, i) => [`runs/${i}/${file}`, `runs/${i}/sprite.png`]);
  const nested = await readAs(t, [
    ...runs,
    'train/cat/0.png',
    'test/cat/0.png',
    'test/run/run.json',
  ]);
  assert.deepEqual(nested.splits, ['test', 'train']);
  assert.deepEqual(nested.dataset.classNames, ['cat']);
  assert.deepEqual(nested.notes, ['DIR: left out runs, test/run (runs and pictures of losslens)']);
  const flat = await readAs(t, [...runs, 'cat/0.png', 'dog/0.png']);
  assert.deepEqual(flat.splits, ['train']);
  assert.deepEqual(flat.dataset.classNames, ['cat', 'dog']);
  assert.deepEqual(flat.notes, ['DIR: left out runs (runs and pictures of losslens)']);
});

test('a class that a run writes to is not left out in silence', async (t) => {
  const { dataset } = await readAs(t, ['cat/0.png', 'cat/checkpoint', 'dog/0.png']);
  assert.deepEqual(dataset.classNames, ['cat', 'dog']);
  const within = await readAs(t, ['cat/0.png', 'cat/run/run.json', 'cat/run/x/sprite.png']);
  assert.deepEqual(within.dataset.classNames, ['cat']);
  await assert.rejects(
    readAs(t, [
      'cat/0.png',
      'cat/1.png',
      'cat/run.json',
      'cat/projector-8/sprite.png',
      'dog/0.png',
    ]),
    /\/cat: holds images \(2, such as 0\.png\) and the files of a run \(run\.json\); .* Give the run another --train_dir/,
  );
});

test('pictures of data are no data, and go to no folder that has some', async (t) => {
  const { dataset, folder } = await readAs(t, ['train/cat/0.png', 'train/dog/1.png']);
  const description = await describeDataset(dataset);
  for (const target of ['train', 'train/cat']) {
    await assert.rejects(
      writePictures({ ...dataset, split: target }, description, folder, 4),
      /^UsageError: --output_dir: .* holds images, which may be/,
    );
  }
  for (const target of ['train/pictures', 'train/pictures', 'more/pictures']) {
    await writePictures({ ...dataset, split: target }, description, folder, 4);
  }
  assert.deepEqual(await listSplits({ name: 'folder', folder }), ['train']);
  assert.deepEqual((await load(folder)).classNames, ['cat', 'dog']);
});

test('a run may write to the folder of the data itself', async (t) => {
  const { dataset } = await readAs(t, [
    'run.json',
    'eval/events.out.tfevents.1.host',
    'projector-8/projector_config.pbtxt',
    'projector-8/sprite.png',
    'cat/0.png',
  ]);
  assert.deepEqual(dataset.classNames, ['cat']);
});

test('a folder without images is no class, but a class that has some in one split is one in all', async (t) => {
  const names = [
    'train/a/',
    'train/b/0.png',
    'train/c/0.png',
    'test/a/0.png',
    'test/b/',
    'test/c/0.png',
    'train/d/',
  ];
  for (const [split, labels, absent] of [
    ['train', [1, 2], 'a'],
    ['test', [0, 2], 'b'],
  ] as const) {
    const { dataset, notes } = await readAs(t, [...names, 'empty/', 'notes/a.txt'], { split });
    assert.deepEqual(dataset.classNames, ['a', 'b', 'c']);
    assert.deepEqual([...dataset.labels], labels);
    assert.match(
      notes[0]!,
      /^DIR: left out empty, notes, test\/b, train\/a, train\/d \(without images\)$/,
    );
    assert.match(notes[1]!, /^DIR: ignored files that are no images: 1 \.txt \(images are png/);
    assert.equal(
      notes[2],
      `DIR/${split}: has no images of classes that other splits have: ${absent}`,
    );
    assert.equal(notes.length, 3);
  }
});

test('files that are no images are counted by their endings', async (t) => {
  const { dataset, notes } = await readAs(t, [
    ...['a', 'b', 'c'].map((name) => `cat/${name}.SVG`),
    'cat/README',
    'dog/0.png',
    'dog/1.txt',
    'dog/2.txt',
    'dog/.hidden',
    'cat/0.png',
    'labels.csv',
  ]);
  assert.equal(dataset.size, 2);
  assert.equal(notes.length, 1);
  assert.match(notes[0]!, /: 3 \.svg, 2 \.txt, 1 without an ending \(images are png, jpg/);
});

test('a folder in that of a class is named when it makes the class a split', async (t) => {
  const contradiction =
    /cat\/more has images as the class of a split has, but cat and dog have some as classes; .* Move the images of cat\/more into cat, or out of/;
  await assert.rejects(readAs(t, ['cat/0.png', 'cat/more/1.png', 'dog/0.png']), contradiction);
  await assert.rejects(
    readAs(t, ['cat/persian/0.png', 'dog/0.png']),
    (error) =>
      error instanceof UsageError &&
      /got "train"; .* has cat\. cat\/persian has images, which makes cat a split; if it is a class, move them into cat itself\./.test(
        error.message,
      ),
  );
});

test('images that lie in no class are counted, with the folder that decided on the splits', async (t) => {
  const { dataset, notes } = await readAs(t, [
    '0.png',
    'train/0.png',
    'train/cat/0.png',
    'train/cat/more/0.png',
    'train/cat/more/1.png',
    'test/cat/0.png',
  ]);
  assert.equal(dataset.size, 1);
  assert.deepEqual(notes, [
    'DIR: left out images that lie in no class: . (1), train (1), train/cat/more (2). train/cat has images, which makes train a split; if it is a class, move them into train itself.',
  ]);
  await assert.rejects(
    readAs(t, ['photos/train/cat/0.png']),
    /found no images in folders of classes; .* Images lie in photos\/train\/cat \(1\)\./,
  );
});

test('labels.txt may have been through editors of other systems', async (t) => {
  const folder = await temporaryFolder(t);
  const image = await plainImage('png', size, red);
  await writeFiles(folder, { 'cat/0.png': image, 'dog /1.png': image });
  for (const content of ['\uFEFF0:dog \r\n1:cat\t\r\n', '0:dog\r1:cat\r \r', ' 0: dog\n1 :cat']) {
    await writeFiles(folder, { 'labels.txt': Buffer.from(content) });
    const dataset = await load(folder);
    assert.deepEqual(dataset.classNames, ['dog', 'cat']);
    assert.deepEqual([...dataset.labels], [1, 0]);
  }
  await writeFiles(folder, { 'labels.txt': Buffer.from('0:dog\n1:cat\n2:dog \n') });
  await assert.rejects(load(folder), /labels\.txt: labels 0 and 2 are both named dog; expected/);
  await writeFiles(folder, { 'labels.txt': Buffer.from('0:dog\n') });
  await assert.rejects(load(folder), /labels\.txt: the class cat is missing/);
});

test('a folder that is named as an image, and links to nowhere', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'train/cat/0.png'), { recursive: true });
  await symlink(join(folder, 'nowhere'), join(folder, 'train/dog'));
  await assert.rejects(load(folder), /found no images in folders of classes; .*\(png, jpg/);
  await writeFiles(folder, { 'train/cat/2.png': await plainImage('png', size, red) });
  await symlink(join(folder, 'nowhere'), join(folder, 'train/cat/1.png'));
  const dataset = await load(folder, { onBadItem: 'skip' });
  assert.deepEqual([...dataset.items], [1]);
  await assert.rejects(dataset.image(0), /cat\/1\.png: cannot be read \(no such file or folder\)/);
});

test('an image or a class whose name is not UTF-8 is named with that, or left out', {
  skip: process.platform !== 'linux' && 'no file may have such a name',
}, async (t) => {
  const folder = await temporaryFolder(t);
  const image = await plainImage('png', size, red);
  // Where others read a name wrong once, it has the letter itself.
  await writeFiles(folder, { 'a/\uFFFD.png': image });
  await writeFile(Buffer.from(`${folder}/a/caf\xe9.png`, 'latin1'), image);
  const reason = 'cannot be read (its name is not UTF-8: rename it).';
  const message = `${join(folder, 'a/caf\uFFFD.png')}: ${reason}`;
  await assert.rejects(valuesOf(await load(folder)), { message });
  let reasons: readonly string[] = [];
  const onSkipped = (items: readonly SkippedItem[]) => {
    reasons = items.map((item) => item.reason);
  };
  assert.deepEqual(await valuesOf(await load(folder, { onBadItem: 'skip', onSkipped })), [red[0]]);
  assert.deepEqual(reasons, [message]);
  await mkdir(Buffer.from(`${folder}/caf\xe9`, 'latin1'));
  await assert.rejects(load(folder), { message: `${join(folder, 'caf\uFFFD')}: ${reason}` });
});

test('a pipe that is named as an image is not waited for', {
  skip: process.platform === 'win32' && 'there are no pipes in folders',
}, async (t) => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'cat/0.png': await plainImage('png', size, red) });
  execFileSync('mkfifo', [join(folder, 'cat/1.png')]);
  await assert.rejects(load(folder), /cat\/1\.png: is a pipe or a device; expected an image/);
  await rm(join(folder, 'cat/1.png'));
  const dataset = await load(folder);
  // Only now is it in the place of an image.
  await rm(join(folder, 'cat/0.png'));
  execFileSync('mkfifo', [join(folder, 'cat/0.png')]);
  await assert.rejects(
    dataset.image(0),
    /cat\/0\.png: cannot be read \(it is a pipe or a device\)/,
  );
});

test('keeps decoded images in memory up to a bound, and gives the same without', async (t) => {
  const folder = await numberedFolder(t, 5);
  const expected = Array.from({ length: 10 }, (_, i) => i);
  for (const maxBytes of [0, 47, 10_000]) {
    const dataset = await load(folder, { maxBytes });
    // The first that is read is the first that is kept.
    await dataset.image(0);
    assert.deepEqual(await valuesOf(dataset), expected);
    await rm(join(folder, 'even/0000.png'));
    const isKept = await dataset.image(0).then(
      () => true,
      () => false,
    );
    assert.equal(isKept, maxBytes >= 16);
    await writeFiles(folder, { 'even/0000.png': await plainImage('png', [2, 2], [0, 0, 0]) });
  }
});

test('the real CIFAR-10 as a folder has the labels and about the images of the binary form', async (t) => {
  const folder = realData(t, 'cifar10-folder');
  const binaryFolder = realData(t, 'cifar-10-batches-bin');
  if (folder === null || binaryFolder === null) return;
  const dataset = await load(folder, { split: 'test' });
  const binary = await loadCifar10(binaryFolder, 'test');
  assert.deepEqual(dataset.classNames, binary.classNames);
  assert.deepEqual([...dataset.labels], [...binary.labels]);
  const some = dataset.items.filter((itemIndex) => itemIndex % 10 === 0);
  let difference = 0;
  for await (const { itemIndex, image } of imagesOf(dataset, some)) {
    image.data.forEach((value, i) => {
      difference += Math.abs(value - binary.pixels[3072 * itemIndex + i]!);
    });
  }
  // The folder's images are JPEG.
  const meanDifference = difference / (3072 * some.length);
  assert.ok(meanDifference < 8, `${meanDifference}`);
});

test('decodes the samples that Pillow decodes', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'a/0.png');
  await mkdir(join(folder, 'a'));
  const program = `
import sys
import numpy as np
from PIL import Image
pixels = np.random.RandomState(1).randint(0, 256, (7, 9, 3), np.uint8)
Image.fromarray(pixels).save(sys.argv[1])
print(pixels.tobytes().hex())
`;
  const printed = runPython(t, ['numpy', 'PIL'], program, [path]);
  if (printed === null) return;
  const dataset = await load(folder);
  const { height, width, data } = await dataset.image(0);
  assert.deepEqual([height, width], [7, 9]);
  assert.equal(Buffer.from(data).toString('hex'), printed.trim());
});
