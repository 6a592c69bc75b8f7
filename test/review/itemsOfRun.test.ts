import assert from 'node:assert/strict';
import { copyFileSync, cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { writeImageFolder } from '../../datasets/convert.ts';
import { digestOf } from '../../datasets/dataDigest.ts';
import type { Dataset } from '../../datasets/dataset.ts';
import { loadDataset } from '../../datasets/factory.ts';
import { placeOf } from '../../datasets/itemPlaces.ts';
import { applyLabelsFile } from '../../datasets/labels/labelsFile.ts';
import { resolveRunFlags } from '../../src/commands/runFlags.ts';
import { csvRows } from '../../src/files/csv.ts';
import { expectItemsOfRun, type ReviewedRun } from '../../src/review/itemsOfRun.ts';
import { reviewRun } from '../../src/review/reviewRun.ts';
import { appendLabelChanges } from '../../src/runFiles/labelChanges.ts';
import { writeRunRecord } from '../../src/runFiles/runRecord.ts';
import { itemHeader, itemRow, type ScoredItem } from '../../src/runFiles/scoredItems.ts';
import { temporaryFolder } from '../losslens.ts';

const folder = temporaryFolder();
const photos = join(folder, 'photos');
await writeImageFolder(makeDigits('train', 12), { folder: photos });
const load = (path: string) => loadDataset({ name: 'folder', folder: path, split: 'train' });
const trained = await load(photos);

/** The rows of items.csv of a run on these items. */
const listed = ({ items, labels, classNames, places }: Dataset): ScoredItem[] =>
  Array.from(items, (item) => ({
    item,
    file: placeOf(places!, item),
    label: classNames[labels[item]!]!,
    output: '',
    suggestedLabel: '',
    suggestedProbability: null,
    epochs: 1,
    scores: [item],
  }));

const rows = listed(trained);
const ranked = { total: rows.length, items: rows.slice(0, 5) };
const noRecord: ReviewedRun = { folder: 'runs/x', record: undefined, datasetDir: photos };

test('the data of a run are its own wherever they were moved to', async () => {
  expectItemsOfRun(trained, ranked, noRecord);
  const moved = join(folder, 'elsewhere', 'moved');
  cpSync(photos, moved, { recursive: true });
  expectItemsOfRun(await load(moved), ranked, { ...noRecord, datasetDir: `${moved}/` });
});

test('fewer items, other labels and other files are refused, and how they differ is said', async () => {
  const says = (dataset: Dataset, difference: RegExp, run = noRecord) =>
    assert.throws(() => expectItemsOfRun(dataset, ranked, run), {
      name: 'UsageError',
      message: difference,
    });
  const others = join(folder, 'others');
  cpSync(photos, others, { recursive: true });
  const [first, last] = [rows[0]!.file, rows.at(-1)!.file].map((path) =>
    path.replace(photos, others),
  );
  const here = { ...noRecord, datasetDir: others };
  renameSync(first!, first!.replace(/[^/]+$/, '0.png'));
  says(
    await load(others),
    /^runs\/x\/items\.csv: folder train is .* \(item 0 is .*0\.png, then /,
    here,
  );
  rmSync(last!);
  says(
    await load(others),
    /\(11 items, then 12\)\. No run\.json in runs\/x names them\. Name the data .*\(--dataset_name, --dataset_dir, /,
    here,
  );
  const labels = trained.labels.slice();
  labels[2] = labels[2] === 0 ? 1 : 0;
  says({ ...trained, labels }, /\(item 2 is labelled \S+, then \S+\)/);
  const items = trained.items.map((item) => (item === 1 ? 12 : item));
  says({ ...trained, items }, /\(there is no item 1\)/);
});

/** The folder of a run on the photos that was trained with a labels file, and its flags. */
async function correctedRun(labelsFile: string): Promise<string> {
  const train_dir = join(temporaryFolder(), 'run');
  const { dataset, changes } = await applyLabelsFile(trained, labelsFile);
  const flags = {
    ...(await resolveRunFlags(undefined, {})),
    ...{ train_dir, dataset_name: 'folder', dataset_dir: photos, labels_file: labelsFile },
  };
  mkdirSync(train_dir);
  await writeRunRecord(train_dir, {
    step: 0,
    flags,
    engine: { name: '', reason: '' },
    precision: { computeType: 'float32', reason: '' },
    dataset: {
      name: dataset.name,
      split: dataset.split,
      items: dataset.items.length,
      classes: dataset.classNames,
      digest: digestOf(dataset),
    },
  });
  await appendLabelChanges(train_dir, labelsFile, changes);
  const table = [itemHeader(['loss_mean']), ...listed(dataset).map(itemRow)];
  writeFileSync(join(train_dir, 'items.csv'), csvRows(table));
  return train_dir;
}

test('decisions of before are not lost when their file was overwritten', async () => {
  const labelsFile = join(temporaryFolder(), 'labels.csv');
  const other = trained.classNames[trained.labels[4] === 0 ? 1 : 0]!;
  writeFileSync(labelsFile, `item,label,decision\n4,${other},relabel\n11,,drop\n`);
  const run = await correctedRun(labelsFile);
  const review = async (labels_file?: string) => {
    const flags = await resolveRunFlags(run, { labels_file });
    const asked = { top: 3, rank_by: 'loss_mean', num_views: 0, output_dir: undefined };
    const options = { ...flags, ...asked, train_dir: run };
    return reviewRun(options, new AbortController().signal);
  };
  assert.equal((await review()).items, 3);
  // Dropped as before, but no longer relabelled.
  writeFileSync(labelsFile, 'item,label,decision\n11,,drop\n');
  await assert.rejects(review(), {
    name: 'UsageError',
    message:
      /\(items or labels are others\)\. .*labels\.csv may have been overwritten since.*--labels_file=.*label_changes\.csv gives/,
  });
  const changes = join(run, 'label_changes.csv');
  const copy = join(temporaryFolder(), 'copy.csv');
  copyFileSync(changes, copy);
  for (const path of [changes, copy]) assert.equal((await review(path)).items, 3);
});
