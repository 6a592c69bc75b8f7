import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ItemPlaces } from '../../datasets/dataset.ts';
import { encodedImages } from '../../datasets/images/encodedImages.ts';
import { inMemory } from '../../datasets/inMemory.ts';
import { KnownItems } from '../../src/insitu/knownItems.ts';
import { scores } from '../../src/insitu/scores.ts';
import { stepScores } from '../../src/insitu/stepScores.ts';
import { random } from '../../src/random.ts';
import { writeItems } from '../../src/runFiles/itemsFile.ts';
import { rankedItemsOfRun } from '../../src/runFiles/rankedItems.ts';
import { itemHeader, itemRow, readRankedItems } from '../../src/runFiles/scoredItems.ts';
import { temporaryFolder } from '../losslens.ts';

const dataset = {
  ...inMemory({
    name: 'made',
    split: 'train',
    classNames: ['cat', 'a "b", c'],
    imageShape: [1, 1, 1],
    labels: Uint8Array.of(0, 1, 0, 1),
    pixels: new Uint8Array(4),
  }),
  // Item 1 is left out, as when its image cannot be decoded.
  items: Uint32Array.of(0, 2, 3),
  places: placesOf((item) => `pictures/${item}, new.png`),
};

/** Places of four items, each in a file of its own. */
function placesOf(fileOf: (item: number) => string): ItemPlaces {
  const file = [0, 1, 2, 3];
  const places = { file, offset: [0, 0, 0, 0], length: [0, 0, 0, 0] };
  return { kind: 'images', images: encodedImages(file.map(fileOf), places) };
}

test('items.csv has a row for each used item, with every score of those that were seen', async () => {
  const folder = temporaryFolder();
  const known = new KnownItems(dataset.labels, 2);
  known.add({
    itemIndices: [3],
    // 0.5, 1.5, … in the order of the scores
    scores: Float32Array.from(stepScores, (_, i) => i + 0.5),
    output: [0],
    labels: [1],
    probabilities: [0.75, 0.25],
  });
  await writeItems(folder, dataset, known);
  const lines = readFileSync(join(folder, 'items.csv'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(readdirSync(folder), ['items.csv']);
  assert.equal(
    lines[0],
    ['item,file,label,output,suggested_label,suggested_probability,epochs', ...scores.keys()].join(
      ',',
    ),
  );
  const commas = ','.repeat(scores.size);
  assert.equal(lines[1], `0,"pictures/0, new.png",cat,,,,0${commas}`);
  assert.equal(lines[2], `2,"pictures/2, new.png",cat,,,,0${commas}`);
  assert.ok(
    lines[3]!.startsWith('3,"pictures/3, new.png","a ""b"", c",cat,cat,0.75,1,0.5,0.5,1.5,1.5,'),
    lines[3],
  );
  assert.equal(lines.length, 4);
  // Never learnt: as many forgetting events as epochs, and one wrong event.
  assert.ok(lines[3]!.endsWith(',1,1'), lines[3]);
});

test('numbers are written with seven digits and no zeros behind them', () => {
  const next = random(5);
  const anyNumber = () => (next() - 0.5) * 10 ** Math.floor(30 * next() - 15);
  const values = [
    ...[0, -0, 1, -3, 100, 0.5, 0.1, 1e-6, 1e-7, 1234567, 9999999, 9999999.9, 12345678, 1e21],
    ...Array.from({ length: 1000 }, () => Math.fround(anyNumber())),
    ...Array.from({ length: 1000 }, () => Number(anyNumber().toPrecision(3))),
  ];
  const row = itemRow({
    item: 0,
    file: '',
    label: 'a',
    output: 'a',
    suggestedLabel: 'a',
    suggestedProbability: 0.25,
    epochs: 1,
    scores: [...values, Number.NaN, Number.POSITIVE_INFINITY, null],
  });
  const expected = values.map((value) => String(Number(value.toPrecision(7))));
  assert.deepEqual(row.slice(-expected.length - 3), [...expected, '', '', '']);
});

const header =
  'item,file,label,output,suggested_label,suggested_probability,epochs,loss_mean,margin_mean';

/** A table of items, written to a file. */
function tableOf(...rows: readonly string[]): string {
  const path = join(temporaryFolder(), 'items.csv');
  writeFileSync(path, [header, ...rows, ''].join('\n'));
  return path;
}

const byLoss = () => ({ name: 'loss_mean', first: 'highest' }) as const;

test('items of any names come back from items.csv as they were written', async () => {
  const folder = temporaryFolder();
  const known = new KnownItems(dataset.labels, 2);
  const file = ' a,\n"b"\r.png ';
  for (const [item, label, probabilities] of [
    [0, 0, [0.75, 0.25]],
    [3, 1, [0.1, 0.9]],
  ] as const) {
    const scores = Float32Array.from(stepScores, () => item / 3);
    known.add({ itemIndices: [item], scores, output: [label], labels: [label], probabilities });
  }
  await writeItems(folder, { ...dataset, places: placesOf(() => file) }, known);
  const read = await readRankedItems(join(folder, 'items.csv'), 10, (names) => {
    assert.deepEqual(names, [...scores.keys()]);
    return byLoss();
  });
  assert.equal(read.total, 3);
  // Item 2 was not seen.
  const [first, second] = read.items;
  assert.equal(read.items.length, 2);
  const { scores: values, ...rest } = first!;
  assert.deepEqual(rest, {
    item: 3,
    file,
    label: 'a "b", c',
    output: 'a "b", c',
    suggestedLabel: 'a "b", c',
    suggestedProbability: 0.9,
    epochs: 1,
  });
  assert.equal(values[[...scores.keys()].indexOf('loss_mean')], 1);
  assert.equal(second!.item, 0);
});

test('the items that a score ranks first are read, ties in order of the items', async () => {
  const path = tableOf(
    '20000001,,a,a,a,0.5,1,2,-1',
    '7,,a,a,a,0.5,1,3,',
    '4,,a,a,a,0.5,1,2,5',
    '5,,a,,,,0,,',
    '6,,a,a,a,0.5,1,1e-7,-2',
  );
  const itemsBy = async (count: number, name: string, first: 'highest' | 'lowest') =>
    (await readRankedItems(path, count, () => ({ name, first }))).items.map(({ item }) => item);
  assert.deepEqual(await itemsBy(9, 'loss_mean', 'highest'), [7, 4, 20000001, 6]);
  assert.deepEqual(await itemsBy(2, 'loss_mean', 'highest'), [7, 4]);
  assert.deepEqual(await itemsBy(2, 'margin_mean', 'lowest'), [6, 20000001]);
});

test('what is no table of items is named with its line', async () => {
  const read = (path: string) => readRankedItems(path, 1, byLoss);
  const row = '0,,a,a,a,0.5,1,2,3';
  await assert.rejects(
    read(tableOf(row, '1,a')),
    /items\.csv, line 3: got "1,a"; expected 9 fields/,
  );
  await assert.rejects(
    read(tableOf(row, row.replace(',2,', ',x,'))),
    /items\.csv, line 3: got item "0" with "x" as loss_mean; expected numbers/,
  );
  const other = join(temporaryFolder(), 'items.csv');
  writeFileSync(other, 'item,name\n');
  await assert.rejects(read(other), /line 1: got "item,name"; expected .*,…\.$/);
  writeFileSync(other, 'item,file,lab');
  await assert.rejects(read(other), /got "item,file,lab"; expected .* the file was cut\.$/);
});

test('a table that is larger than the memory is read', () => {
  const path = join(temporaryFolder(), 'items.csv');
  const file = openSync(path, 'w');
  writeSync(file, `${header}\n`);
  const name = 'x'.repeat(4000);
  for (let part = 0; part < 10; part++) {
    const row = (_: unknown, i: number) => `${1000 * part + i},${name},a,a,a,0.5,1,${i},0\n`;
    writeSync(file, Array.from({ length: 1000 }, row).join(''));
  }
  closeSync(file);
  const module = new URL('../../src/runFiles/scoredItems.js', import.meta.url).href;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--max-old-space-size=24',
      '--input-type=module',
      '-e',
      `import { readRankedItems } from ${JSON.stringify(module)};
       const { total, items } = await readRankedItems(${JSON.stringify(path)}, 3,
         () => ({ name: 'loss_mean', first: 'highest' }));
       console.log(total, items.map(({ item }) => item).join(' '));`,
    ],
    { encoding: 'utf8' },
  );
  assert.equal(stdout, '10000 999 1999 2999\n', stderr);
});

test('without a choice a run is ranked by the first of the scores for it that its version had', async () => {
  const write = (names: readonly string[], ...values: string[]) => {
    const folder = temporaryFolder();
    const rows = values.map((value, item) => `${item},,cat,cat,cat,1,1,${value}`);
    const header = itemHeader(names).join(',');
    writeFileSync(join(folder, 'items.csv'), [header, ...rows, ''].join('\n'));
    return folder;
  };
  const both = write(['pair_disagreement', 'disagreement'], '1,5', '2,4');
  const now = await rankedItemsOfRun(both, undefined, 2);
  assert.equal(now.rankedBy, 'pair_disagreement');
  assert.deepEqual(
    now.items.map(({ item }) => item),
    [1, 0],
  );
  assert.deepEqual(now.values, [5, 4]);
  const earlier = await rankedItemsOfRun(
    write(['loss', 'disagreement'], '9,1', '8,2'),
    undefined,
    2,
  );
  assert.equal(earlier.rankedBy, 'disagreement');
  assert.deepEqual(earlier.values, [1, 2]);
  await assert.rejects(
    rankedItemsOfRun(write(['pair_disagreement', 'disagreement'], '1,x'), undefined, 2),
    /line 2: got item "0" with "x" as disagreement; expected numbers\.$/,
  );
});
