import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import type { Browser, Page } from 'playwright-core';
import { loadMnist } from '../../datasets/formats/mnist.ts';
import { applyLabelsFile } from '../../datasets/labels/labelsFile.ts';

import { replaceFileByParts } from '../../src/files/replaceFile.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { type PageItem, type ReviewPage, renderReviewPage } from '../../src/review/reviewPage.ts';
import { briefly, losslens, smallNetwork, temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { launchBrowser, skipWithoutBrowser } from '../tensorboard/browser.ts';

const data = temporaryFolder();
writeSmallMnist(data, 60, 20);
const trainDir = temporaryFolder();
const trainArguments = (folder: string, ...more: readonly string[]) => [
  'train',
  '--engine=wasm',
  ...briefly,
  `--train_dir=${folder}`,
  '--dataset_name=mnist',
  `--dataset_dir=${data}`,
  `--model_name=${smallNetwork}`,
  '--batch_size=20',
  '--max_number_of_epochs=1',
  '--ns=8',
  '--hm=pool2',
  ...more,
];

/** A CSV file as objects by its header. */
function readCsv(path: string): Record<string, string>[] {
  return parse(readFileSync(path), { columns: true });
}

const trained = await losslens(trainArguments(trainDir));
const reviewed = await losslens([
  'review',
  '--engine=wasm',
  `--model_name=${smallNetwork}`,
  `--train_dir=${trainDir}`,
  '--top=12',
  '--num_views=2',
  '--rank_by=loss_mean',
]);
const pagePath = join(trainDir, 'review.html');
let browser: Browser | undefined;
after(() => browser?.close());

/** A fresh browser with the page in it. */
async function openPage(path: string): Promise<Page> {
  browser ??= await launchBrowser();
  const page = await (await browser.newContext()).newPage();
  page.on('pageerror', (error) => assert.fail(error));
  // Nothing but the file itself is asked for.
  page.on('request', (request) => assert.match(request.url(), /^(file|data|blob):/));
  await page.goto(`file://${path}`);
  return page;
}

const selected = (page: Page) => page.locator('[aria-selected=true]').getAttribute('id');
const shownItems = (page: Page) =>
  page.locator('.card').evaluateAll((cards) => cards.map(({ id }) => Number(id.slice(5))));
const counts = (page: Page) => page.locator('#counts').textContent();

async function downloadLabels(page: Page): Promise<string> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save labels.csv' }).click(),
  ]);
  assert.equal(download.suggestedFilename(), 'labels.csv');
  const path = join(temporaryFolder(), 'labels.csv');
  await download.saveAs(path);
  return path;
}

test('the page and review.csv hold the items that the score ranks first', () => {
  assert.equal(trained.code, 0, trained.stderr);
  assert.equal(reviewed.code, 0, reviewed.stderr);
  const all = readCsv(join(trainDir, 'items.csv'));
  const expected = all.sort((a, b) => Number(b['loss_mean']) - Number(a['loss_mean'])).slice(0, 12);
  const rows = readCsv(join(trainDir, 'review.csv'));
  assert.deepEqual(
    rows,
    expected.map((row, i) => ({ rank: String(i + 1), ...row })),
  );
});

test('training and page say what the first items by disagreement are worth, or that it cannot be told', async () => {
  const folder = temporaryFolder();
  const { code, stdout, stderr } = await losslens([
    ...['review', `--model_name=${smallNetwork}`, `--train_dir=${trainDir}`],
    ...['--top=12', '--num_views=0', `--output_dir=${folder}`],
  ]);
  assert.equal(code, 0, stderr);
  const sentence = 'how many labels are wrong cannot be told by the scores alone';
  for (const text of [trained.stderr, stdout, readFileSync(join(folder, 'review.html'), 'utf8')]) {
    assert.ok(text.includes(sentence), text.slice(0, 1000));
  }
  // It speaks of no other score's list.
  assert.ok(!reviewed.stdout.includes(sentence), reviewed.stdout);
});

test('a score that there is none of is named, and a run without scores', async () => {
  const [unknown, missing] = await Promise.all([
    losslens([
      ...['review', `--model_name=${smallNetwork}`, `--train_dir=${trainDir}`],
      '--rank_by=losss',
    ]),
    losslens(['review', `--train_dir=${data}`]),
  ]);
  assert.equal(unknown.code, 2);
  assert.match(
    unknown.stderr,
    /--rank_by: got "losss"; expected one of contribution, .*\. Did you mean loss\?\n/,
  );
  assert.equal(missing.code, 1);
  assert.match(
    missing.stderr,
    /items\.csv: cannot be read .*expected the scores that losslens train/,
  );
});

test('keys decide, undo and move, and the decisions outlive the page', {
  skip: skipWithoutBrowser,
}, async () => {
  const page = await openPage(pagePath);
  const [first, second, third, fourth] = await shownItems(page);
  assert.equal(await selected(page), `item-${first}`);
  assert.match((await counts(page))!, /^0 of 12 decided/);
  await page.keyboard.press('k');
  assert.equal(await selected(page), `item-${second}`);
  await page.locator('#new-label').selectOption({ index: 3 });
  const label = await page.locator('#new-label').inputValue();
  await page.keyboard.press('Escape');
  await page.keyboard.press('r');
  await page.keyboard.press('d');
  assert.equal(await selected(page), `item-${fourth}`);
  assert.equal(await counts(page), '3 of 12 decided: 1 keep, 1 relabel, 1 drop');
  assert.match((await page.locator(`#item-${second}`).textContent())!, new RegExp(`→ ${label}`));
  await page.keyboard.press('u');
  assert.equal(await counts(page), '2 of 12 decided: 1 keep, 1 relabel, 0 drop');
  assert.equal(await selected(page), `item-${third}`);
  await page.keyboard.press('d');
  await page.keyboard.press('p');
  await page.keyboard.press('ArrowLeft');
  assert.equal(await selected(page), `item-${second}`);
  await page.keyboard.press('n');
  assert.equal(await selected(page), `item-${third}`);
  const decided = '3 of 12 decided: 1 keep, 1 relabel, 1 drop';
  // On a busy machine the browser may take longer to store the last decision than to load the page again.
  for (let reloads = 0; reloads < 5; reloads++) {
    await page.reload();
    if ((await counts(page)) === decided) return;
  }
  assert.equal(await counts(page), decided);
});

test('keys that are typed into a field decide nothing', { skip: skipWithoutBrowser }, async () => {
  const page = await openPage(pagePath);
  await page.locator('#note').click();
  await page.keyboard.type('kind of dark, unreadable');
  assert.match((await counts(page))!, /^0 of 12 decided/);
  await page.keyboard.press('Enter');
  await page.keyboard.press('d');
  assert.match((await counts(page))!, /^1 of 12 decided/);
  const [row] = readCsv(await downloadLabels(page));
  assert.equal(row!['note'], 'kind of dark, unreadable');
});

test('a relabel without another class decides nothing', { skip: skipWithoutBrowser }, async () => {
  const page = await openPage(pagePath);
  await page.locator('#new-label').selectOption('');
  await page.keyboard.press('Escape');
  await page.keyboard.press('r');
  assert.match((await counts(page))!, /^0 of 12 decided/);
  assert.equal(await page.evaluate('document.activeElement.id'), 'new-label');
});

test('items can be sorted by any score and filtered by class and decision', {
  skip: skipWithoutBrowser,
}, async () => {
  const page = await openPage(pagePath);
  const rows = readCsv(join(trainDir, 'review.csv'));
  const order = (score: string, sign: number) =>
    [...rows]
      .sort(
        (a, b) =>
          sign * (Number(a[score]) - Number(b[score])) || Number(a['item']) - Number(b['item']),
      )
      .map((row) => Number(row['item']));
  assert.deepEqual(await shownItems(page), order('loss_mean', -1));
  await page.locator('#sort').selectOption('entropy');
  assert.deepEqual(await shownItems(page), order('entropy', -1));
  // Of a margin the low end is the suspicious one.
  await page.locator('#sort').selectOption('margin_mean');
  assert.deepEqual(await shownItems(page), order('margin_mean', 1));
  await page.locator('#reverse').check();
  assert.deepEqual(await shownItems(page), order('margin_mean', -1));
  const label = rows[0]!['label']!;
  await page.locator('#label-filter').selectOption(label);
  const ofLabel = rows.filter((row) => row['label'] === label).length;
  assert.equal((await shownItems(page)).length, ofLabel);
  await page.keyboard.press('Escape');
  await page.keyboard.press('d');
  await page.locator('#decision-filter').selectOption('undecided');
  assert.equal((await shownItems(page)).length, ofLabel - 1);
  await page.locator('#decision-filter').selectOption('drop');
  assert.equal((await shownItems(page)).length, 1);
  // What is decided otherwise leaves the filter, and comes back when that is undone.
  await page.keyboard.press('Escape');
  await page.keyboard.press('k');
  assert.deepEqual(await shownItems(page), []);
  assert.ok(await page.locator('#empty').isVisible());
  await page.keyboard.press('u');
  assert.equal((await shownItems(page)).length, 1);
});

test('labels.csv trains again: relabelled, dropped, and accounted for', {
  skip: skipWithoutBrowser,
}, async () => {
  const page = await openPage(pagePath);
  const [kept, relabelled, dropped] = await shownItems(page);
  await page.keyboard.press('k');
  const select = page.locator('#new-label');
  const old = readCsv(join(trainDir, 'review.csv'))[1]!['label']!;
  const label = old === 'seven' ? 'eight' : 'seven';
  await select.selectOption(label);
  await page.getByRole('button', { name: 'Relabel as' }).click();
  await page.keyboard.press('d');
  const path = await downloadLabels(page);
  const rows = readCsv(path);
  assert.deepEqual(
    rows.map(({ item, decision }) => [Number(item), decision]),
    [
      [kept, 'keep'],
      [relabelled, 'relabel'],
      [dropped, 'drop'],
    ],
  );
  assert.equal(rows[1]!['old_label'], old);
  assert.equal(rows[1]!['score_name'], 'loss_mean');
  assert.match(rows[1]!['time']!, /^\d{4}-\d\d-\d\dT.*Z$/);
  const source = await loadMnist(data, 'train');
  const { dataset } = await applyLabelsFile(source, path);
  assert.equal(dataset.classNames[dataset.labels[relabelled!]!], label);
  assert.equal(dataset.labels[kept!], source.labels[kept!]);
  assert.ok(!dataset.items.includes(dropped!));

  const again = temporaryFolder();
  const retrained = await losslens(trainArguments(again, `--labels_file=${path}`));
  assert.equal(retrained.code, 0, retrained.stderr);
  assert.match(retrained.stderr, /changes 1 labels, drops 1 of 60 items/);
  assert.equal(readCsv(join(again, 'items.csv')).length, 59);
  const audit = readCsv(join(again, 'label_changes.csv'));
  assert.deepEqual(
    audit.map(({ item, label_before, label: after, decision }) => [
      item,
      label_before,
      after,
      decision,
    ]),
    [
      [String(relabelled), old, label, 'relabel'],
      [String(dropped), rows[2]!['old_label'], '', 'drop'],
    ],
  );
  assert.equal(audit[0]!['score_name'], 'loss_mean');
  assert.equal(audit[0]!['decided'], rows[1]!['time']);
});

const madeItem = (item: number, label: string): PageItem => ({
  item,
  file: ` folder, "x"/\n${item}.png`,
  label,
  output: label,
  suggestedLabel: label,
  suggestedProbability: 0.5,
  epochs: 1,
  scores: [item % 7 === 0 ? null : (item * 37) % 101],
  text: `</script><b>$& item ${item}`,
});

const hostile =
  '/*script*/ "page data" /*style*/ $& $` </script><script>throw 1</script><!--<script>\u2028';

const madePage: ReviewPage = {
  id: 'made',
  title: hostile,
  description: hostile,
  classes: ['a "b", c', 'd<i>', hostile],
  scores: [{ name: 'loss', first: 'highest', help: hostile }],
  sortBy: 'loss',
  viewCaption: hostile,
  previous: [
    { item: 1, label: 'a "b", c', decision: 'relabel', old_label: 'd<i>', note: 'before' },
    { item: 2, label: '', decision: 'drop', old_label: 'a "b", c', reviewer: 'me, "again"' },
    { item: 5000, label: 'd<i>', decision: 'keep', reviewer: 'me' },
  ],
};

/** Writes a page of so many items. @returns its path */
async function writePage(count: number): Promise<string> {
  const items = async function* () {
    for (let i = 0; i < count; i++) yield madeItem(i, madePage.classes[i % 3]!);
  };
  const path = join(temporaryFolder(), 'review.html');
  await replaceFileByParts(path, renderReviewPage(madePage, items()));
  return path;
}

test('nothing that the data hold is taken for a part of the page', async () => {
  const html = readFileSync(await writePage(3), 'utf8');
  const parts = html.split(/<script type="application\/json" id="data">|<\/script>/);
  assert.equal(parts.length, 4);
  const { items, ...page } = JSON.parse(parts[1]!);
  assert.deepEqual(page, madePage);
  assert.deepEqual(
    items,
    [0, 1, 2].map((i) => madeItem(i, madePage.classes[i]!)),
  );
  const script = readFileSync(join(packageRoot, 'review/page.js'), 'utf8');
  assert.equal(parts[2], `\n<script type="module">${script}`);
});

test('a thousand texts of any characters; what the run was trained with stays in labels.csv', {
  skip: skipWithoutBrowser,
}, async () => {
  const page = await openPage(await writePage(1000));
  const shown = await shownItems(page);
  assert.equal(shown.length, 1000);
  // Items without the score come last.
  assert.ok(shown.slice(-143).every((item) => item % 7 === 0));
  assert.match((await page.locator('#original').textContent())!, /^<\/script><b>\$& item \d+$/);
  await page.locator('#item-2').click();
  await page.keyboard.press('k');
  const rows = readCsv(await downloadLabels(page));
  assert.deepEqual(
    rows.map(({ item, label, decision, note, reviewer }) => [
      item,
      label,
      decision,
      note,
      reviewer,
    ]),
    [
      ['1', 'a "b", c', 'relabel', 'before', ''],
      ['5000', 'd<i>', 'keep', '', 'me'],
      ['2', hostile, 'keep', '', ''],
    ],
  );
  assert.equal(rows[2]!['file'], ' folder, "x"/\n2.png');
  // What the data say, not what the round before made of it.
  assert.equal(rows[2]!['old_label'], 'a "b", c');
});
