import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CsvRecord, csvRows, readCsv, toCsv } from '../../src/files/csv.ts';
import { temporaryFolder } from '../losslens.ts';

const path = join(temporaryFolder(), 'table.csv');

/** What a file of this content is read as. */
async function readBack(content: string | Uint8Array) {
  writeFileSync(path, content);
  return readCsv(path, async (header, records) => {
    const all: CsvRecord[] = [];
    for await (const record of records) all.push(record);
    return { header, records: all };
  });
}

test('fields of any characters come back as they were written', async () => {
  const fields = [' outer ', '', 'a\nb', '\r', '\r\n\n', '"', 'x, "y"', "'", '=1+1', '\u2028', 'ü'];
  const { header, records } = await readBack(toCsv(fields, [[...fields].reverse()]));
  assert.deepEqual(header, fields);
  assert.deepEqual(records, [{ line: 6, fields: [...fields].reverse() }]);
});

test('fields are quoted where they must be, and only there', () => {
  assert.equal(csvRows([['a b', ' c ', "d'", '', 0.1, 1e-7, -3]]), "a b, c ,d',,0.1,1e-7,-3\n");
  assert.equal(csvRows([['a,b', 'c"d', 'e\nf', 'g\rh']]), '"a,b","c""d","e\nf","g\rh"\n');
  assert.equal(csvRows([]), '');
});

test('files of other programs: a byte order mark, any line ends, blank lines, no last line end', async () => {
  const content = '\uFEFFa,b\r\n"1\r\n",2\r\n\r\n \n3,4\r5,6';
  const { header, records } = await readBack(content);
  assert.deepEqual(header, ['a', 'b']);
  assert.deepEqual(records, [
    { line: 2, fields: ['1\r\n', '2'] },
    { line: 6, fields: ['3', '4'] },
    { line: 7, fields: ['5', '6'] },
  ]);
  assert.deepEqual(await readBack(''), { header: [], records: [] });
});

test('errors name the line where the record begins', async () => {
  const expectError = (content: string, message: RegExp) =>
    assert.rejects(readBack(content), message);
  await expectError(
    'a,b\n"1\n",2\n\n3,"x\ny",4\n',
    /^UserError: .*table\.csv, line 5: got "3,"x\ny",4"; expected 2 fields\.$/,
  );
  await expectError(
    'a,b\n1,2\n3,"4\n5,6\n',
    /table\.csv, line 3: opens a quote that nothing closes\.$/,
  );
  await expectError('a,b\n1,x"y\n', /line 2: has a quote inside a field; expected the whole field/);
  await expectError('a,b\n1,"x"y\n', /line 2: has a quote inside a field/);
  const long = `a,b\n1,2\n3,"${'4\n'.repeat(2 ** 23 + 1)}`;
  await expectError(long, /line 3: begins a record of more than 16777216 bytes/);
});

test('a column that comes twice is named, but for those without a name', async () => {
  for (const header of ['item,label,label', 'label,item, label']) {
    await assert.rejects(
      readBack(`\n${header}\n1,2,3\n`),
      /^UserError: .*table\.csv, line 2: has the column "label" twice; expected each once\.$/,
    );
  }
  assert.deepEqual((await readBack('item,label,,\n')).header, ['item', 'label', '', '']);
});

test('a file that is not there, or is a folder, is named with what was expected', async () => {
  const read = (file: string) =>
    readCsv(file, () => Promise.resolve(), { flag: '--labels_file', remedy: 'expected labels' });
  await assert.rejects(
    read('/nowhere.csv'),
    /^UserError: --labels_file: \/nowhere\.csv: cannot be read \(no such file or folder\); expected labels\.$/,
  );
  await assert.rejects(read(temporaryFolder()), /cannot be read \(it is a folder\); expected/);
});
