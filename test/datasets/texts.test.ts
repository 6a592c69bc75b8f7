import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makePhrases } from '../../datasets/builtIn/phrases.ts';
import type { TextDataset } from '../../datasets/dataset.ts';
import { describeTexts } from '../../datasets/describeTexts.ts';
import { listSplits, loadDataset } from '../../datasets/factory.ts';
import { placeOf } from '../../datasets/itemPlaces.ts';
import { plantLabelErrors } from '../../datasets/labels/labelNoise.ts';
import { losslens, temporaryFolder } from '../losslens.ts';

function writeFolder(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = temporaryFolder();
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

async function loadTexts(
  folder: string,
  split: string,
  onNote?: (line: string) => void,
): Promise<TextDataset> {
  const dataset = await loadDataset({ name: 'tsv', folder, split, onNote });
  assert.ok(dataset.kind === 'texts');
  return dataset;
}

test('phrases are the same on every machine, and the first ones for every size', () => {
  const phrases = makePhrases('train', 50);
  assert.deepEqual(makePhrases('train', 20).texts, phrases.texts.slice(0, 20));
  assert.equal(phrases.texts[2], 'We used the piano at noon');
  assert.notDeepEqual(makePhrases('test', 3).texts, phrases.texts.slice(0, 3));
});

test('phrases are of five classes in about equal parts, few of them twice', () => {
  const { classNames, labels, texts } = makePhrases('train');
  assert.deepEqual(classNames, ['praise', 'complaint', 'question', 'request', 'report']);
  for (const label of classNames.keys()) {
    const count = labels.filter((each) => each === label).length;
    assert.ok(Math.abs(count - 600) < 100, `${classNames[label]}: ${count}`);
  }
  assert.ok(new Set(texts).size > 0.8 * texts.length, `${new Set(texts).size} different ones`);
});

test('label errors are planted in texts as in images', async () => {
  const source = makePhrases('train', 200);
  const { dataset, errors } = await plantLabelErrors(source, 0.1, 3);
  assert.equal(errors.length, 20);
  assert.equal(dataset.texts, source.texts);
  for (const { itemIndex, label, plantedLabel } of errors) {
    assert.equal(source.labels[itemIndex], label);
    assert.equal(dataset.labels[itemIndex], plantedLabel);
    assert.notEqual(label, plantedLabel);
  }
});

test('a split is read from lines of label and text', async () => {
  const folder = writeFolder({
    'train.tsv': '\ufeffgood\tIt works.\r\nbad\tIt does not,\tat all.\r\n\r\n',
    'test.tsv': 'bad\tdépassé 東京\n',
  });
  const train = await loadTexts(folder, 'train');
  assert.deepEqual(train.classNames, ['bad', 'good']);
  assert.deepEqual([...train.labels], [1, 0]);
  assert.deepEqual(train.texts, ['It works.', 'It does not,\tat all.']);
  assert.equal(placeOf(train.places!, 1), `${join(folder, 'train.tsv')}, line 2`);
  const dataset = await loadDataset({ name: 'tsv', folder, split: 'test' });
  assert.ok(dataset.kind === 'texts');
  assert.deepEqual([dataset.texts[0], dataset.labels[0]], ['dépassé 東京', 0]);
  assert.deepEqual(await listSplits({ name: 'tsv', folder }), ['test', 'train']);
});

test('a split of texts is described, equal texts by their words', async () => {
  const folder = writeFolder({
    'train.tsv': 'a\tYes it is.\nb\tNo!\na\tyes  it is .\na\tno no no no no\n',
  });
  assert.deepEqual(describeTexts(await loadTexts(folder, 'train')), {
    classCounts: [3, 1],
    lengths: [2, 4, 5],
    tokens: 15,
    words: 6,
    duplicates: [[0, 2]],
  });
  const info = await losslens(['data', 'info', '--dataset_name=tsv', `--dataset_dir=${folder}`]);
  assert.equal(info.code, 0, info.stderr);
  assert.match(info.stdout, /^tsv, train: 4 texts of 2 to 5 tokens, 4 in the middle\n/);
  assert.match(info.stdout, /equal texts: 1\n {2}items 0 = 2\n/);
  const convert = ['--from=tsv', `--dataset_dir=${folder}`, `--output_dir=${folder}/out`];
  const refused = await losslens(['data', 'convert', ...convert]);
  assert.deepEqual(
    [refused.code, refused.stderr],
    [2, 'losslens: tsv: holds texts; expected a data set of images.\n'],
  );
});

test('labels that are numbers keep their order, and labels.txt comes first', async () => {
  const numbers = writeFolder({ 'train.tsv': '10\ta\n9\tb\n' });
  assert.deepEqual((await loadTexts(numbers, 'train')).classNames, ['9', '10']);
  const named = writeFolder({ 'train.tsv': 'b\tx\n', 'labels.txt': '0:a\n1:b\n' });
  const { classNames, labels } = await loadTexts(named, 'train');
  assert.deepEqual([classNames, labels[0]], [['a', 'b'], 1]);
});

for (const [what, content, message] of [
  [
    'without a tab',
    'good\tyes\nno tab here\n',
    /train\.tsv, line 2: has no tab; expected label<TAB>text/,
  ],
  ['without a label', '\ttext\n', /train\.tsv, line 1: has no label/],
  ['without a text', 'good\t  \n', /train\.tsv, line 1: has no text/],
  [
    'that is not UTF-8',
    Buffer.from('good\tyes\nbad\tcaf\xe9\n', 'latin1'),
    /train\.tsv, line 2: is not UTF-8/,
  ],
  ['with a NUL byte', 'good\tyes\nbad\tn\0\n', /train\.tsv, line 2: holds a NUL byte;/],
  ['of an empty file', '\n\n', /train\.tsv: is empty/],
] as const) {
  test(`a line ${what} is named`, async () => {
    await assert.rejects(loadTexts(writeFolder({ 'train.tsv': content }), 'train'), message);
  });
}

test('lines end in CR, too, and in a CR and LF that two pieces of a file have', async () => {
  // A piece of a file that is streamed has 65,536 bytes.
  const long = 'x'.repeat(65_536 - 'a\tyes\r\rb\t\r'.length);
  const folder = writeFolder({ 'train.tsv': `a\tyes\r\rb\t${long}\r\na\tno\u2028way` });
  const { texts, labels, places } = await loadTexts(folder, 'train');
  assert.deepEqual(texts, ['yes', long, 'no\u2028way']);
  assert.deepEqual([...labels], [0, 1, 0]);
  assert.match(placeOf(places!, 2), /train\.tsv, line 4$/);
});

test('a file that is no lines of text is not read to its end', async () => {
  const folder = writeFolder({ 'train.tsv': Buffer.alloc(2 ** 24 + 65_537, 'x') });
  await assert.rejects(
    loadTexts(folder, 'train'),
    /train\.tsv: .*a line of more than 16777216 bytes/,
  );
});

for (const [what, lines, note] of [
  [
    'a first line with a label of its own',
    ['label\ttext', 'a\tx', 'b\ty', 'a\tz', 'b\tz'],
    /^train\.tsv, line 1: no other line has the label "label"\. If the line names the columns, remove it\.$/,
  ],
  [
    'columns that are swapped',
    ['I like it\tgood', 'I do not\tbad', 'I am glad\tgood', 'I like it\tgood', 'no\tbad'],
    /^train\.tsv: has 4 classes in 5 lines, 3 of them with one line; .*Are the columns swapped\?$/,
  ],
  ['classes of some lines each', ['a\tx', 'b\ty', 'a\tz', 'c\tz', 'c\tw'], undefined],
] as const) {
  test(`${what}: ${note ? 'is said' : 'nothing to say'}, of every split`, async () => {
    const content = `${lines.join('\n')}\n`;
    const folder = writeFolder({ 'train.tsv': content, 'test.tsv': `${lines.at(-1)}\n` });
    for (const split of ['train', 'test']) {
      const notes: string[] = [];
      await loadTexts(folder, split, (line) => notes.push(line.replace(`${folder}/`, '')));
      assert.equal(notes.length, note ? 1 : 0, `${notes}`);
      if (note) assert.match(notes[0]!, note);
    }
    writeFileSync(join(folder, 'labels.txt'), '0:good\n1:label\n2:a\n3:b\n4:c\n5:bad\n');
    await loadTexts(folder, 'test', () =>
      assert.fail('labels.txt says what the classes are'),
    ).catch((error: Error) =>
      assert.match(error.message, /got label "no"; .*the classes of labels\.txt/),
    );
  });
}

test('a label of no class, a missing split and a folder without texts are named', async () => {
  const folder = writeFolder({ 'train.tsv': 'a\tx\nb\ty\n', 'test.tsv': 'a\tx\nc\ty\n' });
  await assert.rejects(
    loadTexts(folder, 'test'),
    /test\.tsv, line 2: got label "c"; expected one of a, b \(the classes of train\.tsv\)/,
  );
  await assert.rejects(
    loadTexts(folder, 'dev'),
    /--dataset_split_name: got "dev"; .* has test and train/,
  );
  await assert.rejects(loadTexts(writeFolder({}), 'train'), /holds no \.tsv file; expected one/);
  await assert.rejects(
    loadTexts('/no/such', 'train'),
    /\/no\/such: cannot be read \(no such file or folder\)/,
  );
});
