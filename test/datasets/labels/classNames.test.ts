import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeDigits } from '../../../datasets/builtIn/digits.ts';
import { writeImageFolder, writeTfrecords } from '../../../datasets/convert.ts';
import { loadDataset } from '../../../datasets/factory.ts';
import { readClassNames } from '../../../datasets/labels/classNames.ts';
import { temporaryFolder } from '../temporaryFolder.ts';

async function read(t: TestContext, content: string | Buffer) {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'labels.txt'), content);
  return readClassNames(folder);
}

test('a name that two labels have is refused, whatever data are beside it', async (t) => {
  await assert.rejects(
    read(t, '0:cat\n1:cat\n'),
    /^UserError: .*labels\.txt: labels 0 and 1 are both named cat; expected another name for each\.$/,
  );
  await assert.rejects(read(t, '0:\u00e9\n1:dog\n2:e\u0301\n'), /labels 0 and 2 are both named/);
});

test('a file without a line is refused', async (t) => {
  await assert.rejects(read(t, '\n'), /labels\.txt: names no class; expected a line label:name/);
});

test('what is not UTF-8, or holds a NUL byte, is refused with its line', async (t) => {
  const isNoUtf8 = (line: number) =>
    new RegExp(`labels\\.txt, line ${line}: is not UTF-8; .* Convert it with iconv\\.$`);
  await assert.rejects(read(t, Buffer.from('0:dog\n1:caf\u00e9\n', 'latin1')), isNoUtf8(2));
  await assert.rejects(read(t, Buffer.from('\uFEFF0:dog\n1:cat\n', 'utf16le')), isNoUtf8(1));
  const holdsNul = (line: number) =>
    new RegExp(`labels\\.txt, line ${line}: holds a NUL byte; .* with iconv if it is UTF-16\\.$`);
  await assert.rejects(read(t, '0:dog\n1:c\0t\n'), holdsNul(2));
  await assert.rejects(read(t, Buffer.from('0:dog\n1:cat\n', 'utf16le')), holdsNul(1));
  assert.deepEqual(await read(t, '0:caf\u00e9\n1:\u{1f408}\r\n'), ['caf\u00e9', '\u{1f408}']);
});

test('a name with a line break is not written', async (t) => {
  const digits = makeDigits('test', 4);
  const dataset = { ...digits, classNames: ['two\nlines', ...digits.classNames.slice(1)] };
  const folder = join(await temporaryFolder(t), 'made');
  for (const write of [writeTfrecords, writeImageFolder]) {
    await assert.rejects(
      write(dataset, { folder, numShards: 1 }),
      /^UserError: class "two\\nlines": has a line break, .* Rename it first\.$/,
    );
  }
});

test('names are the same however their accents are encoded, in files and folders', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'labels.txt'), '0:bee\n1:\u00e9toile\n');
  await writeFile(join(folder, 'train.tsv'), 'e\u0301toile\tone\nbee\ttwo\n\u00e9toile\tthree\n');
  for (const name of ['bee', 'e\u0301toile']) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, `${name}.png`), '');
  }
  const texts = await loadDataset({ name: 'tsv', folder, split: 'train' });
  assert.deepEqual([...texts.labels], [1, 0, 1]);
  const images = await loadDataset({ name: 'folder', folder, split: 'train' });
  assert.deepEqual([...images.labels], [0, 1]);
  assert.deepEqual(images.classNames, ['bee', '\u00e9toile']);
});
