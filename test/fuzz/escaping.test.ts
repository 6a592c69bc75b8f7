import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { encodePng } from '../../datasets/images/encodePng.ts';
import { markdownText, textTable } from '../../src/console/textTable.ts';
import { readCsv, toCsv } from '../../src/files/csv.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { type PageItem, type ReviewPage, renderReviewPage } from '../../src/review/reviewPage.ts';
import { printable } from '../../src/terminal.ts';
import { losslens, temporaryFolder } from '../losslens.ts';
import { runPython, skipWithoutPython } from '../python.ts';

/** Text that means something to whoever shows it. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom(
        ...['=', '+', '-', '@', "'", '\t', '\r', '\n', '"', ',', '=cmd|"/C calc"!A0', '＝'],
        ...['\x1b[2J', '\x1b]0;x\x07', '\x9b31m', '\x7f', '\u202E', '\u2066', '\u200F', '\u061C'],
        ...['<script>', '</script>', '<!--', ']]>', '&lt;', '&#60;b&#62;', '<img src=x onerror=y>'],
        ...['[a](javascript:x)', '![](http://x)', '| a |', '`', '**', '# ', '\\', '\u2028', '$'],
      ),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));

const obeyed = /[\p{Cc}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/u;

test('what is printed holds nothing that a terminal obeys, and its tables stay tables', () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      assert.doesNotMatch(printable(text), obeyed);
      const table = textTable([{ heading: 'class' }, { heading: 'items' }], [[text, '1']]);
      assert.equal(table.split('\n').length, 2);
      assert.doesNotMatch(table.replace('\n', ''), obeyed);
    }),
  );
  assert.equal(printable('a\x1b[31mb\u202Ec'), 'a\\u001b[31mb\\u202ec');
  assert.equal(printable('größe 猫 🙂'), 'größe 猫 🙂');
});

test('JSON that is printed is the same JSON', () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      assert.deepEqual(JSON.parse(printable(JSON.stringify([text]))), [text]);
    }),
  );
});

/** The function of the review page that writes labels.csv. */
function csvRecordOfPage(): (fields: readonly string[]) => string {
  const page = readFileSync(join(packageRoot, 'review/page.js'), 'utf8');
  const [source] = /function csvRecord[\s\S]*?\n\}\n/.exec(page)!;
  return runInNewContext(`${source}csvRecord`);
}

test('the review page writes labels.csv as all tables are written', () => {
  const csvRecord = csvRecordOfPage();
  fc.assert(
    fc.property(fc.array(hostileText, { minLength: 2, maxLength: 4 }), (fields) => {
      assert.equal(csvRecord(fields), toCsv(fields, []));
    }),
  );
});

test('no cell is a formula to a spreadsheet, and all come back as they were', async () => {
  const path = join(temporaryFolder(), 'table.csv');
  await fc.assert(
    fc.asyncProperty(fc.array(hostileText, { minLength: 2, maxLength: 4 }), async (cells) => {
      const fields = ['1', ...cells];
      // No column may have the name of another.
      const names = fields.map((_, i) => `column ${i}`);
      const csv = toCsv(names, [fields]);
      const shown = parse(csv, { record_delimiter: '\n' }) as string[][];
      for (const cell of shown.flat()) {
        assert.ok(!/^[=+\-@\t\r＝＋－＠]/.test(cell) || !Number.isNaN(Number(cell)), cell);
      }
      writeFileSync(path, csv);
      const rows = await readCsv(path, async (header, records) => {
        const read = [header];
        for await (const record of records) read.push(record.fields);
        return read;
      });
      assert.deepEqual(rows, [names, fields]);
    }),
  );
  assert.equal(
    toCsv(['a'], [['=1+1'], ['-0.5'], ['-'], ["'=x"], ["it's"]]),
    "a\n'=1+1\n-0.5\n'-\n''=x\nit's\n",
  );
});

test('what is put into the review page stays data', async () => {
  await fc.assert(
    fc.asyncProperty(hostileText, async (text) => {
      const item: PageItem = {
        ...{ item: 0, file: text, label: text, output: text, suggestedLabel: text },
        ...{ suggestedProbability: 0.5, epochs: 1, scores: [1], text },
      };
      const page: ReviewPage = {
        ...{ id: 'a', title: text, description: text, classes: [text], sortBy: 'loss' },
        ...{ scores: [{ name: text, first: 'highest', help: text }], viewCaption: text },
        previous: [{ [text]: text }],
      };
      let html = '';
      for await (const part of renderReviewPage(
        page,
        (async function* () {
          yield item;
        })(),
      )) {
        html += part;
      }
      const [, data] = /<script type="application\/json" id="data">([\s\S]*?)<\/script/.exec(html)!;
      assert.deepEqual(JSON.parse(data!), JSON.parse(JSON.stringify({ ...page, items: [item] })));
      assert.doesNotMatch(data!, /</);
    }),
    { numRuns: 30 },
  );
});

test("TensorBoard's Markdown shows names as they are", {
  skip: skipWithoutPython('tensorboard'),
}, () => {
  const names = fc.sample(hostileText, { numRuns: 200, seed: 1 });
  const path = join(temporaryFolder(), 'texts.json');
  writeFileSync(path, JSON.stringify(names.map((name) => `a ${markdownText(name)} z`)));
  const { texts, tags } = runPython('markdown_text.py', path) as {
    readonly texts: readonly string[];
    readonly tags: readonly string[];
  };
  assert.deepEqual(tags, ['p']);
  const shown = (text: string) => text.replace(/\s+/g, ' ').trim();
  for (const [i, name] of names.entries()) {
    assert.equal(shown(texts[i]!), shown(`a ${printable(name.replace(/\s+/g, ' '))} z`));
  }
});

test('all that is printed goes the way that shows it', () => {
  const sources = ['src', 'datasets', 'bin'].flatMap((folder) =>
    readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.c?ts$/.test(file))
      .map((file) => join(folder, file)),
  );
  const writing = sources.filter((file) =>
    /process\.std(out|err)\.write|console\.(log|warn|info)\(/.test(
      readFileSync(join(packageRoot, file), 'utf8'),
    ),
  );
  // The other one says that stdout is closed, in the words of the system.
  assert.deepEqual(writing.sort(), ['src/console/lostReaders.ts', 'src/terminal.ts']);
});

test('class names and paths of data do nothing to the terminal', async () => {
  const folder = join(temporaryFolder(), 'data\x1b[31m');
  const name = 'cat\x1b]0;owned\x07\u202Eexe\nlosslens: done';
  mkdirSync(join(folder, name), { recursive: true });
  const png = await encodePng({ width: 2, height: 2, channels: 1, data: new Uint8Array(4) });
  writeFileSync(join(folder, name, '1.png'), png);
  const info = await losslens(['data', 'info', '--dataset_name=folder', `--dataset_dir=${folder}`]);
  assert.equal(info.code, 0, info.stderr);
  assert.match(info.stdout, /cat\\u001b\]0;owned\\u0007\\u202eexe\\u000alosslens: done/);
  assert.doesNotMatch((info.stdout + info.stderr).replaceAll('\n', ''), obeyed);
  writeFileSync(join(folder, name, '1.png'), 'no image');
  const failed = await losslens([
    ...['data', 'info', '--dataset_name=folder', `--dataset_dir=${folder}`],
  ]);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /^losslens: .*cannot be decoded.*\n$/);
  assert.doesNotMatch(failed.stderr.replaceAll('\n', ''), obeyed);
});
