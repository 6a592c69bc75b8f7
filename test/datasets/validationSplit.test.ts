import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { makePhrases } from '../../datasets/builtIn/phrases.ts';
import { writeImageFolder, writeTfrecords } from '../../datasets/convert.ts';
import { type Dataset, type Image, itemOf } from '../../datasets/dataset.ts';
import { type DatasetOptions, listSplits, loadDataset } from '../../datasets/factory.ts';
import { placeOf } from '../../datasets/itemPlaces.ts';
import { UsageError } from '../../src/errors.ts';
import { writeSmallMnist } from '../losslens.ts';
import { temporaryFolder } from './temporaryFolder.ts';

const digits = makeDigits('train', 60);

/** Writes 60 items in a form. @returns what to load them by */
const forms: Readonly<
  Record<string, (folder: string) => Promise<Pick<DatasetOptions, 'name' | 'folder'>>>
> = {
  TFRecords: async (folder) => {
    await writeTfrecords(digits, { folder, numShards: 3 });
    return { name: 'digits', folder };
  },
  'a folder with splits': async (folder) => {
    await writeImageFolder(digits, { folder });
    await writeImageFolder(makeDigits('test', 20), { folder });
    return { name: 'folder', folder };
  },
  'a folder without splits': async (folder) => {
    await writeImageFolder(digits, { folder });
    return { name: 'folder', folder: join(folder, 'train') };
  },
  MNIST: async (folder) => {
    writeSmallMnist(folder, 60, 10);
    return { name: 'mnist', folder };
  },
  'texts in TSV': async (folder) => {
    const { texts, labels, classNames } = makePhrases('train', 60);
    const lines = texts.map((text, item) => `${classNames[labels[item]!]}\t${text} ${item}\n`);
    await writeFile(join(folder, 'train.tsv'), lines.join(''));
    return { name: 'tsv', folder };
  },
  'built-in texts': async () => ({ name: 'phrases', folder: undefined }),
};

/** Every item as one text: what it is, its class and where it lies. */
async function itemsOf(dataset: Dataset): Promise<string[]> {
  const items: string[] = [];
  for (const item of dataset.items) {
    const content = await itemOf(dataset, item);
    const shown =
      'text' in content ? content.text : Buffer.from((content as Image).data).toString('hex');
    items.push(`${dataset.classNames[dataset.labels[item]!]} ${shown}`);
  }
  return items;
}

const countsOf = ({ labels, classNames }: Dataset) =>
  classNames.map((_, label) => labels.filter((each) => each === label).length);

for (const [what, write] of Object.entries(forms)) {
  test(`${what}: validation is drawn from train, the same share of each class`, async (t) => {
    const source = await write(await temporaryFolder(t));
    const load = (split: string, validationShare: number, seed = 1) =>
      loadDataset({ ...source, split, validationShare, seed });
    const all = await load('train', 0);
    const [train, validation] = [await load('train', 0.25), await load('validation', 0.25)];
    assert.deepEqual([train.split, validation.split], ['train', 'validation']);
    assert.deepEqual(train.classNames, all.classNames);
    assert.deepEqual(
      countsOf(validation),
      countsOf(all).map((count) => Math.round(count / 4)),
    );
    assert.equal(train.size + validation.size, all.size);
    const expected = await itemsOf(all);
    const found = { train: await itemsOf(train), validation: await itemsOf(validation) };
    assert.deepEqual([...found.train, ...found.validation].sort(), [...expected].sort());
    // In the order of the source.
    let place = -1;
    for (const item of found.train) {
      place = expected.indexOf(item, place + 1);
      assert.ok(place >= 0, item);
    }
    assert.deepEqual(await itemsOf(await load('validation', 0.25)), found.validation);
    assert.notDeepEqual(await itemsOf(await load('validation', 0.25, 2)), found.validation);
    assert.equal(validation.places === undefined, false);
    const splits = await listSplits(source);
    assert.ok(!splits.includes('validation'));
    assert.deepEqual(await listSplits({ ...source, validationShare: 0.25 }), [
      ...splits,
      'validation',
    ]);
    await assert.rejects(
      load('validation', 1e-9),
      /found no items of split validation; --validation_split leaves none/,
    );
    await assert.rejects(
      load('validation', 0),
      /got "validation"; .* Give --validation_split to draw one from train\./,
    );
  });
}

test('an item of a part is described by where it lies, or by its number in train', async (t) => {
  const folder = await temporaryFolder(t);
  const lines = Array.from({ length: 20 }, (_, i) => `a\tword ${i}\n`);
  await writeFile(join(folder, 'train.tsv'), lines.join(''));
  const drawn = { split: 'validation', validationShare: 0.2, seed: 0 };
  const texts = await loadDataset({ name: 'tsv', folder, ...drawn });
  assert.ok(texts.kind === 'texts');
  for (const item of texts.items) {
    const line: number = 1 + Number(texts.texts[item]!.slice('word '.length));
    assert.equal(placeOf(texts.places!, item), `${join(folder, 'train.tsv')}, line ${line}`);
  }
  const phrases = await loadDataset({ name: 'phrases', folder: undefined, ...drawn });
  assert.ok(phrases.kind === 'texts');
  assert.match(placeOf(phrases.places!, 7), /^item \d+ of phrases train$/);
  const source = Number(/\d+/.exec(placeOf(phrases.places!, 7))![0]);
  assert.equal(phrases.texts[7], makePhrases('train').texts[source]);
});

async function filesOf(t: TestContext, ...files: readonly string[]): Promise<string> {
  const folder = await temporaryFolder(t);
  await mkdir(folder, { recursive: true });
  for (const file of files) await writeFile(join(folder, file), 'a\tx\na\ty\nb\tz\n');
  return folder;
}

test('a share that cannot be drawn is a usage error, where it would have an effect', async (t) => {
  const load = (folder: string, split: string) =>
    loadDataset({ name: 'tsv', folder, split, validationShare: 0.5 });
  const isUsageError = (message: RegExp) => (error: Error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, message);
    return true;
  };
  const own = await filesOf(t, 'train.tsv', 'validation.tsv', 'test.tsv');
  for (const split of ['train', 'validation']) {
    await assert.rejects(
      load(own, split),
      isUsageError(/^--validation_split: got "0\.5", but .* has a split validation\. Leave it out/),
    );
  }
  assert.equal((await load(own, 'test')).size, 3);
  const without = await filesOf(t, 'a.tsv', 'b.tsv');
  await assert.rejects(
    load(without, 'validation'),
    isUsageError(/^--validation_split: .* has a and b; expected a split train, from which/),
  );
});

test('a split without items is named', async (t) => {
  const folder = await temporaryFolder(t);
  writeSmallMnist(folder, 0, 10);
  await assert.rejects(
    loadDataset({ name: 'mnist', folder, split: 'train' }),
    /^UserError: mnist, train: holds no items; expected at least one\./,
  );
});

test('a share that leaves a part without items is said', async () => {
  const notes: string[] = [];
  const onNote = (line: string) => notes.push(line);
  const phrases = { name: 'phrases', folder: undefined, onNote };
  await loadDataset({ ...phrases, split: 'train', validationShare: 0.2 });
  assert.deepEqual(notes, []);
  await loadDataset({ ...phrases, split: 'train', validationShare: 0.0001 });
  assert.deepEqual(notes, [
    '--validation_split: 0.0001 of each class leaves no item for validation; all 3000 are train',
  ]);
});
