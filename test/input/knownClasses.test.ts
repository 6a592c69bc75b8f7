import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { writeImageFolder, writeTfrecords } from '../../datasets/convert.ts';
import type { Dataset, ImageDataset } from '../../datasets/dataset.ts';
import { type DatasetOptions, loadDataset } from '../../datasets/factory.ts';
import { inMemoryTexts } from '../../datasets/texts.ts';
import { tellOfClassOrder, withKnownClasses } from '../../src/input/knownClasses.ts';
import { temporaryFolder } from '../losslens.ts';

/** A text of each label, whose word is the name of its class. */
function texts(classNames: readonly string[], labels = [...classNames.keys()]): Dataset {
  return inMemoryTexts({
    name: 'tsv',
    split: 'test',
    classNames,
    labels: Int32Array.from(labels),
    texts: labels.map((label) => classNames[label]!),
  });
}

/** Names of the items' classes, by item. */
const named = ({ labels, classNames }: Dataset) =>
  Array.from(labels, (label) => classNames[label] ?? null);

test('labels become those of the network by the names of the classes', () => {
  const known = ['ape', 'bee', 'cat', 'dog'];
  const dataset = withKnownClasses(texts(['cat', 'ape']), known);
  assert.deepEqual(dataset.classNames, known);
  assert.deepEqual([...dataset.labels], [2, 0]);
  const same = texts(known);
  assert.equal(withKnownClasses(same, known), same);
});

test('classes that the network does not know are listed', () => {
  assert.throws(
    () => withKnownClasses(texts(['bee', 'cat', 'dog', 'eel']), ['ape', 'bee', 'cat']),
    {
      name: 'UsageError',
      message:
        'tsv test has items of classes that the network does not know: dog, eel; expected some of its 3: ape, bee, cat. Leave them out (--labels_file with the decision drop), or train a network with them.',
    },
  );
  const many = texts(Array.from({ length: 30 }, (_, i) => `class ${i}`));
  assert.throws(() => withKnownClasses(many, ['ape']), /class 18, class 19 and 10 more; expected/);
});

test('what chose the data and what can be done is said as the command has it', () => {
  assert.throws(() => withKnownClasses(texts(['eel']), ['ape'], 'Do without.', '--x'), {
    message:
      '--x: tsv test has items of classes that the network does not know: eel; expected some of its 1: ape. Do without.',
  });
});

test('the order of classes is told unless they are numbers', () => {
  const written = mock.method(process.stderr, 'write', () => true);
  tellOfClassOrder({ classNames: ['b', 'c', 'd'] });
  tellOfClassOrder({ classNames: ['0', '1'] });
  written.mock.restore();
  assert.deepEqual(
    written.mock.calls.map((call) => call.arguments[0]),
    [
      'no run.json beside the checkpoint names its classes; they are taken in this order: b, c, d\n',
    ],
  );
});

test('a class that no item has need not be known', () => {
  const dataset = texts(['eel', 'cat', 'bee'], [1, 2, 1]);
  assert.deepEqual([...withKnownClasses(dataset, ['bee', 'cat']).labels], [1, 0, 1]);
  // Items that are left out have labels, too.
  const dropped = { ...texts(['eel', 'cat'], [1, 0]), items: Uint32Array.of(0) };
  assert.deepEqual([...withKnownClasses(dropped, ['bee', 'cat']).labels], [1, -1]);
});

test('where one side has numbers for names, labels are taken as numbers, and that is said', () => {
  const written = mock.method(process.stderr, 'write', () => true);
  const dataset = withKnownClasses(texts(['0', '1'], [1, 0]), ['ape', 'bee', 'cat']);
  const ofNumbers = withKnownClasses(texts(['ape', 'bee']), ['0', '1', '2']);
  const both = withKnownClasses(texts(['0', '1'], [1, 0]), ['0', '1', '2']);
  written.mock.restore();
  assert.deepEqual(named(dataset), ['bee', 'ape']);
  assert.deepEqual([...ofNumbers.labels], [0, 1]);
  assert.deepEqual([...both.labels], [1, 0]);
  assert.deepEqual(
    written.mock.calls.map((call) => call.arguments[0]),
    [
      'the classes of tsv test have no names: labels of tsv test are taken by number\n',
      'the classes of the network have no names: labels of tsv test are taken by number\n',
    ],
  );
});

test('numbers that are names of classes in other places are taken for the names, and that is said', () => {
  const written = mock.method(process.stderr, 'write', () => true);
  const dataset = withKnownClasses(texts(['0', '1', '2'], [1, 2]), ['1', '10', '2']);
  const folders = withKnownClasses(texts(['1', '2']), ['0', '1', '2']);
  withKnownClasses(texts(['0', '1']), ['0', '1', '2']);
  written.mock.restore();
  assert.deepEqual(named(dataset), ['1', '2']);
  assert.deepEqual(named(folders), ['1', '2']);
  assert.deepEqual(
    written.mock.calls.map((call) => call.arguments[0]),
    ['tsv test', 'the network'].map(
      (owner) =>
        `the classes of ${owner} have no names but numbers: labels of tsv test are taken for the classes that have these for names, not by their places\n`,
    ),
  );
});

test('classes in another order than those of the network are taken by name, and that is said', () => {
  const written = mock.method(process.stderr, 'write', () => true);
  const dataset = withKnownClasses(texts(['bee', 'ape', 'cat']), ['ape', 'bee', 'cat']);
  withKnownClasses(texts(['ape', 'cat']), ['ape', 'bee', 'cat']);
  written.mock.restore();
  assert.deepEqual(named(dataset), ['bee', 'ape', 'cat']);
  assert.deepEqual(
    written.mock.calls.map((call) => call.arguments[0]),
    [
      'the classes of tsv test are in another order than those of the network: labels are taken by name\n',
    ],
  );
});

test('accents are the same however they are encoded', () => {
  const dataset = withKnownClasses(texts(['e\u0301toile', 'bee'], [0, 1]), ['bee', '\u00e9toile']);
  assert.deepEqual([...dataset.labels], [1, 0]);
  assert.deepEqual(dataset.classNames, ['bee', '\u00e9toile']);
});

test('more numbers than the network has classes are refused', () => {
  assert.throws(
    () => withKnownClasses(texts(['0', '1', '2', '3']), ['0', '1', '2']),
    /does not know: 3; expected some of its 3: 0, 1, 2\./,
  );
});

/** Two classes of the built-in digits alone, as a split of its own. */
function twoDigits(): ImageDataset {
  const digits = makeDigits('test', 60);
  const kept = ['seven', 'three'];
  const items = digits.items.filter((item) =>
    kept.includes(digits.classNames[digits.labels[item]!]!),
  );
  return {
    ...digits,
    split: 'some',
    size: items.length,
    items: Uint32Array.from(items, (_, position) => position),
    classNames: kept,
    labels: Int32Array.from(items, (item) =>
      kept.indexOf(digits.classNames[digits.labels[item]!]!),
    ),
    image: (item) => digits.image(items[item]!),
  };
}

const some = twoDigits();
const folder = temporaryFolder();
await writeImageFolder(some, { folder: join(folder, 'images') });
await writeTfrecords(some, { folder: join(folder, 'records'), numShards: 1 });
writeFileSync(
  join(folder, 'some.tsv'),
  Array.from(some.labels, (label, i) => `${some.classNames[label]}\ttext ${i}\n`).join(''),
);
const forms: Readonly<Record<string, Omit<DatasetOptions, 'split'>>> = {
  'an image folder': { name: 'folder', folder: join(folder, 'images') },
  'TFRecords with labels.txt': { name: 'digits', folder: join(folder, 'records') },
  'a TSV file': { name: 'tsv', folder },
};

for (const [form, options] of Object.entries(forms)) {
  test(`${form} with two of ten classes is known by their names`, async () => {
    const dataset = await loadDataset({ ...options, split: 'some' });
    assert.equal(dataset.classNames.length, 2);
    const { classNames, labels } = withKnownClasses(dataset, makeDigits('test', 1).classNames);
    assert.equal(classNames.length, 10);
    assert.deepEqual(
      Array.from(labels, (label) => classNames[label]),
      Array.from(some.labels, (label) => some.classNames[label]),
    );
  });
}
