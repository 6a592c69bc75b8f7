import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { encodedImages } from '../../../datasets/images/encodedImages.ts';
import { inMemory } from '../../../datasets/inMemory.ts';
import { applyLabelsFile } from '../../../datasets/labels/labelsFile.ts';
import { UserError } from '../../../src/errors.ts';
import { temporaryFolder } from '../temporaryFolder.ts';

const dataset = inMemory({
  name: 'made',
  split: 'train',
  classNames: ['cat', 'dog', 'a, "b"', 'bird'],
  imageShape: [1, 1, 1],
  labels: Uint8Array.of(0, 1, 2, 0, 1),
  pixels: new Uint8Array(5),
});

async function apply(t: TestContext, content: string, classNames = dataset.classNames) {
  const path = join(await temporaryFolder(t), 'labels.csv');
  await writeFile(path, content);
  const notes: string[] = [];
  const applied = await applyLabelsFile({ ...dataset, classNames }, path, (line) => {
    notes.push(line.replace(path, 'labels.csv'));
  });
  return { ...applied, notes };
}

test('replaces the labels of the named items, by name or number', async (t) => {
  const { dataset: relabeled, changes } = await apply(t, 'item,label\n0,dog\n3,2\n1,dog\n');
  assert.deepEqual([...relabeled.labels], [1, 1, 2, 2, 1]);
  assert.deepEqual(changes, [
    { itemIndex: 0, labelBefore: 'cat', label: 'dog', row: { item: '0', label: 'dog' } },
    { itemIndex: 3, labelBefore: 'cat', label: 'a, "b"', row: { item: '3', label: '2' } },
  ]);
  assert.deepEqual([...dataset.labels], [0, 1, 2, 0, 1]);
  assert.equal(relabeled.images, dataset.images);
});

test('takes quotes, other columns, line ends of Windows, a byte order mark and empty lines', async (t) => {
  const content = '\uFEFFnote,label,item\r\n"x, y","a, ""b""",0\r\n\r\n,cat,1\r\n';
  const { dataset: relabeled } = await apply(t, content);
  assert.deepEqual([...relabeled.labels], [2, 0, 2, 0, 1]);
});

test('outer spaces belong to a class that has them, and to no other', async (t) => {
  const spaced = { ...dataset, classNames: ['cat', ' cat', 'dog\n2', 'x'] };
  const path = join(await temporaryFolder(t), 'labels.csv');
  await writeFile(
    path,
    'item, label , decision\n 0 , cat,\n1,cat ,keep\n2, x , relabel\n3,"dog\n2",\n',
  );
  const { dataset: relabeled } = await applyLabelsFile(spaced, path);
  assert.deepEqual([...relabeled.labels], [1, 0, 3, 2, 1]);
});

test('where classes are named by numbers, a number is a name, which is said once', async (t) => {
  const names = ['1', '10', '2', '20'];
  const { dataset: relabeled, notes } = await apply(t, 'item,label\n0,1\n1,2\n2,10\n', names);
  assert.deepEqual([...relabeled.labels], [0, 2, 1, 0, 1]);
  assert.deepEqual(notes, [
    'labels.csv, line 2: takes "1" for the class of that name, not for class number 1 (10); so it does in all lines.',
  ]);
  for (const label of ['0', '3']) {
    await assert.rejects(
      apply(t, `item,label\n1,${label}\n`, names),
      /line 2: got label "\d"; expected one of 1, 10, 2, 20\.$/,
    );
  }
});

test('numbers that are the names of their places leave no doubt', async (t) => {
  const names = ['0', '1', '2', '3'];
  const { dataset: relabeled, notes } = await apply(t, 'item,label\n0,3\n', names);
  assert.equal(relabeled.labels[0], 3);
  assert.deepEqual(notes, []);
});

test('a row may say that its item is dropped; then its label does not matter', async (t) => {
  const content =
    'item,label,decision,note\n0,dog,relabel,\n1,,drop,blurred\n2,cat,,\n3,cat,keep,\n';
  const { dataset: relabeled, changes, decisions } = await apply(t, content);
  assert.deepEqual([...relabeled.labels], [1, 1, 0, 0, 1]);
  assert.deepEqual(
    decisions.map(({ itemIndex }) => itemIndex),
    [0, 1, 2, 3],
  );
  assert.deepEqual([...relabeled.items], [0, 2, 3, 4]);
  assert.deepEqual(
    changes.map(({ itemIndex, label }) => [itemIndex, label]),
    [
      [0, 'dog'],
      [1, null],
      [2, 'cat'],
    ],
  );
  assert.equal(changes[1]!.row['note'], 'blurred');
});

test('errors name the line', async (t) => {
  const expectError = (content: string, error: RegExp) =>
    assert.rejects(apply(t, content), (thrown) => {
      assert.ok(thrown instanceof UserError);
      assert.match(thrown.message, error);
      return true;
    });
  await expectError(
    'item;label\n',
    /got the columns "item;label"; expected item and label among them/,
  );
  await expectError('', /got the columns ""/);
  await expectError('item,label\n0,cat\n5,cat\n', /line 3: got item "5"; expected 0 to 4\./);
  await expectError('item,label\n-1,cat\n', /line 2: got item "-1"/);
  await expectError('item,label\n\n0,fish\n', /line 3: got label "fish"; expected one of cat, dog/);
  await expectError('item,label\n0,4\n', /line 2: got label "4"/);
  await expectError(
    'item,label,decision\n0,cat,Drop\n',
    /line 2: got decision "Drop"; expected keep, relabel, drop or nothing\./,
  );
  await expectError('item,label\n0,cat\n0,dog\n', /line 3: item 0 is in line 2 already\./);
  await expectError('item,label\n0,cat,1\n', /line 2: got "0,cat,1"; expected 2 fields\./);
  await expectError('item,label\n0,"cat\n', /line 2: opens a quote that nothing closes\./);
});

/** Applies rows to items of which each is a file of photos/train. */
async function applyToFiles(t: TestContext, rows: string) {
  const files = ['cat/0.jpg', 'dog/0.jpg', 'a, "b"/1.jpg', 'cat/2.jpg', 'dog/2.jpg'];
  const places = {
    file: files.map((_, i) => i),
    offset: new Float64Array(5),
    length: new Uint32Array(5),
  };
  const images = encodedImages(
    files.map((file) => `photos/train/${file}`),
    places,
  );
  const path = join(await temporaryFolder(t), 'labels.csv');
  await writeFile(path, `item,label,decision,old_label,file\n${rows}`);
  return applyLabelsFile({ ...dataset, places: { kind: 'images', images } }, path);
}

test('a row that names a file holds for that file alone, wherever it was moved', async (t) => {
  const rows = '0,dog,relabel,cat,/old/photos/cat/0.jpg\n4,,drop,bird,C:\\photos\\dog\\2.jpg\n';
  const { changes } = await applyToFiles(t, rows);
  assert.deepEqual(
    changes.map(({ itemIndex, label }) => [itemIndex, label]),
    [
      [0, 'dog'],
      [4, null],
    ],
  );
  await assert.rejects(
    applyToFiles(t, '0,cat,keep,cat,\n3,dog,relabel,cat,photos/train/cat/3.jpg\n'),
    /line 3: item 3 is photos\/train\/cat\/3\.jpg by the column file, and photos\/train\/cat\/2\.jpg in the data: .* remove the column file\.$/,
  );
  // The photo of that name in another class.
  await assert.rejects(
    applyToFiles(t, '1,dog,relabel,cat,photos/train/cat/0.jpg\n'),
    /line 2: item 1 is photos\/train\/cat\/0\.jpg by the column file, and photos\/train\/dog\/0\.jpg in the data/,
  );
});

test('a row that names the label of before holds for an item that has it, or has the new one', async (t) => {
  const header = 'item,label,decision,old_label\n';
  const { changes } = await apply(t, `${header}0,dog,relabel,cat\n1,dog,relabel,cat\n`);
  assert.deepEqual(
    changes.map(({ itemIndex }) => itemIndex),
    [0],
  );
  for (const row of ['1,bird,relabel,cat', '1,cat,keep,cat', '1,,drop,cat']) {
    await assert.rejects(
      apply(t, `${header}${row}\n`),
      /labels\.csv, line 2: item 1 is cat by the column old_label, and dog in the data: .*--label_noise\), remove the column old_label\.$/,
    );
  }
});

test('a file that cannot be read is named', async (t) => {
  const folder = await temporaryFolder(t);
  await assert.rejects(applyLabelsFile(dataset, folder), /--labels_file: .* cannot be read/);
});
