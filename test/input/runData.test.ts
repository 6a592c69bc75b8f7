import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { digestOf } from '../../datasets/dataDigest.ts';
import { resolveRunFlags } from '../../src/commands/runFlags.ts';
import { loadRunData } from '../../src/input/runData.ts';
import { loadTrainingData } from '../../src/input/trainingData.ts';
import { writeRunRecord } from '../../src/runFiles/runRecord.ts';
import { temporaryFolder, writeSmallMnist } from '../losslens.ts';

const photos = temporaryFolder();
writeSmallMnist(photos, 20, 10);
const labels = join(temporaryFolder(), 'labels.csv');
writeFileSync(labels, 'item,label,decision\n3,,drop\n4,0,relabel\n5,,drop\n');

/** The folder of a run that was trained on the photos, with corrected labels. */
async function trainedRun(): Promise<string> {
  const folder = temporaryFolder();
  const flags = {
    ...(await resolveRunFlags(undefined, {})),
    ...{ dataset_name: 'mnist', dataset_dir: photos, labels_file: labels },
  };
  const { dataset } = await loadTrainingData(flags);
  await writeRunRecord(folder, {
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
  return folder;
}

/** The items that earlier decisions are about, and what is said of them. */
async function decisionsFor(run: string, given: Parameters<typeof resolveRunFlags>[1]) {
  const { mock: written } = mock.method(process.stderr, 'write', () => true);
  try {
    const data = await loadRunData(run, await resolveRunFlags(run, given));
    const items = data.labelDecisions.map(({ itemIndex }) => itemIndex);
    return { items, said: written.calls.map(({ arguments: [line] }) => line).join('') };
  } finally {
    written.restore();
  }
}

test('decisions about the data of a run hold where they were moved or copied to', async () => {
  const run = await trainedRun();
  const copy = temporaryFolder();
  cpSync(photos, copy, { recursive: true });
  for (const given of [
    {},
    { dataset_dir: photos },
    { dataset_dir: `${photos}/` },
    { dataset_dir: copy },
  ]) {
    assert.deepEqual(await decisionsFor(run, given), { items: [3, 4, 5], said: '' });
  }
});

test('decisions are left out for other data, and that is said with its reason', async () => {
  const run = await trainedRun();
  const others = temporaryFolder();
  writeSmallMnist(others, 21, 10);
  const other = await decisionsFor(run, { dataset_dir: others });
  assert.deepEqual(other.items, []);
  assert.match(
    other.said,
    /^--labels_file=.*labels\.csv of the run in .* is left out: items or labels are not those that it was trained on\n/,
  );
  const split = await decisionsFor(run, { dataset_split_name: 'test' });
  assert.deepEqual(split.items, []);
  assert.match(
    split.said,
    /labels\.csv of the run in .* is left out: --dataset_split_name is test, then train\n$/,
  );
  // Named on the command line it holds, whatever the data.
  const named = await decisionsFor(run, { dataset_dir: others, labels_file: labels });
  assert.deepEqual(named.items, [3, 4, 5]);
});

test('data that have another number of items are told of, with the number of then and now', async () => {
  const run = await trainedRun();
  const others = temporaryFolder();
  writeSmallMnist(others, 21, 10);
  const { said } = await decisionsFor(run, { dataset_dir: others });
  assert.match(said, /trained on \(it has 21 items now, and had 18 then; --labels_file is none,/);
});

test('a labels file that is another one, or has changed, is named', async () => {
  const run = await trainedRun();
  const other = join(temporaryFolder(), 'other.csv');
  writeFileSync(other, 'item,label\n3,1\n');
  const { said } = await decisionsFor(run, { labels_file: other });
  assert.match(said, /; --labels_file is .*other\.csv, then .*labels\.csv\): numbers of items/);
  writeFileSync(other, readFileSync(labels));
  assert.equal((await decisionsFor(run, { labels_file: other })).said, '');
  const before = readFileSync(labels);
  writeFileSync(labels, 'item,label,decision\n3,,drop\n4,1,relabel\n5,,drop\n');
  const changed = await decisionsFor(run, {});
  assert.match(
    changed.said,
    /items or labels are others; has --labels_file=.*labels\.csv changed\?\)/,
  );
  writeFileSync(labels, before);
});

test('other photos with the same labels are told of', async () => {
  const run = await trainedRun();
  const others = temporaryFolder();
  cpSync(photos, others, { recursive: true });
  const path = join(others, 'train-images-idx3-ubyte');
  const bytes = readFileSync(path);
  bytes.fill(7, bytes.length - 784);
  writeFileSync(path, bytes);
  const { items, said } = await decisionsFor(run, { dataset_dir: others });
  assert.deepEqual(items, []);
  assert.match(said, /left out: items or labels are not those that it was trained on\n/);
});
