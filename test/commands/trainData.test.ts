import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { writeImageFolder } from '../../datasets/convert.ts';
import { briefly, losslens, smallNetwork, temporaryFolder } from '../losslens.ts';

/** 60 digits as DIR/CLASS/NUMBER.png, one of them damaged. */
const digits = makeDigits('train', 60);
const folder = temporaryFolder();
await writeImageFolder(digits, { folder: join(folder, 'written') });
const data = join(folder, 'data');
renameSync(join(folder, 'written/train'), data);
const damaged = 17;
const damagedFile = join(data, digits.classNames[digits.labels[damaged]!]!, '00017.png');
writeFileSync(damagedFile, readFileSync(damagedFile).subarray(0, 60));

const className = (item: number) => digits.classNames[digits.labels[item]!]!;
const other = (item: number) => digits.classNames[(digits.labels[item]! + 1) % 10]!;

function trainArguments(trainDir: string, ...more: readonly string[]): string[] {
  return [
    'train',
    '--engine=wasm',
    `--train_dir=${trainDir}`,
    '--dataset_name=folder',
    `--dataset_dir=${data}`,
    '--batch_size=16',
    '--ns=60',
    '--hm=pool1',
    ...briefly,
    `--model_name=${smallNetwork}`,
    ...more,
  ];
}

const linesOf = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n');

test('an image that cannot be decoded ends the run and is named', async () => {
  const run = await losslens(trainArguments(join(folder, 'fails'), '--max_number_of_epochs=1'));
  assert.equal(run.code, 1);
  assert.match(run.stderr, /^losslens: .*00017\.png: cannot be decoded .*$/m);
  assert.doesNotMatch(run.stderr, /\n\s+at /);
});

test('skipped and dropped items are not trained on, and the others keep their numbers', async () => {
  const trainDir = join(folder, 'skips');
  const labels = join(folder, 'labels.csv');
  writeFileSync(
    labels,
    `item,label,decision\n3,${other(3)},relabel\n4,${className(4)},keep\n5,,drop\n`,
  );
  const flags = ['--on_bad_item=skip', `--labels_file=${labels}`];
  const run = await losslens(trainArguments(trainDir, '--max_number_of_epochs=1', ...flags));
  assert.equal(run.code, 0, run.stderr);
  assert.match(
    run.stderr,
    /left out 1 of 60 items of train that cannot be decoded: .*skipped\.csv/,
  );
  assert.match(run.stderr, /labels\.csv: changes 1 labels, drops 1 of 60 items/);
  const [header, ...skipped] = linesOf(join(trainDir, 'skipped.csv'));
  assert.equal(header, 'item,file,reason');
  assert.equal(skipped.length, 1);
  assert.ok(skipped[0]!.startsWith(`17,${damagedFile},`), skipped[0]);
  // All items fit into the selection: it shows what was trained on.
  const selected = linesOf(join(trainDir, 'selection.csv')).slice(1);
  const labelOf = new Map(selected.map((line) => line.split(',').slice(1, 3) as [string, string]));
  const expected = [...digits.items].filter((item) => item !== damaged && item !== 5);
  assert.deepEqual(
    [...labelOf.keys()].map(Number).sort((a, b) => a - b),
    expected,
  );
  for (const item of expected) {
    assert.equal(labelOf.get(`${item}`), item === 3 ? other(3) : className(item));
  }

  const record = () => linesOf(join(trainDir, 'label_changes.csv'));
  assert.equal(
    record()[0],
    'item,label_before,label,decision,suggested_label,score_name,score,note,decided,source,time',
  );
  assert.ok(record()[1]!.startsWith(`3,${className(3)},${other(3)},relabel,,,,,,${labels},20`));
  assert.ok(record()[2]!.startsWith(`5,${className(5)},,drop,,,,,,${labels},20`));
  const before = record();
  const resumed = await losslens(trainArguments(trainDir, '--max_number_of_epochs=2', ...flags));
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.deepEqual(record(), before);
});

test('trains on one part of a folder, evaluates the other, after the training too', async () => {
  const trainDir = join(folder, 'validates');
  const flags = ['--on_bad_item=skip', '--validation_split=0.25', '--validation_seed=3'];
  const run = await losslens(
    trainArguments(
      trainDir,
      '--max_number_of_epochs=1',
      '--eval_interval_epochs=1',
      '--eval_split_name=validation',
      '--max_data_memory_mb=0',
      '--num_readers=2',
      ...flags,
    ),
  );
  assert.equal(run.code, 0, run.stderr);
  const [, items] = /accuracy \S+ on (\d+) items/.exec(run.stderr) ?? [];
  const trained = linesOf(join(trainDir, 'selection.csv')).length - 1;
  const isInTraining = existsSync(join(trainDir, 'skipped.csv'));
  assert.notEqual(isInTraining, existsSync(join(trainDir, 'eval/skipped.csv')));
  assert.equal(trained + Number(items), 59);
  const evaluated = await losslens([
    'evaluate',
    '--engine=wasm',
    `--model_name=${smallNetwork}`,
    `--checkpoint_path=${trainDir}`,
    '--dataset_name=folder',
    `--dataset_dir=${data}`,
    '--dataset_split_name=validation',
    ...flags,
  ]);
  assert.equal(evaluated.code, 0, evaluated.stderr);
  assert.match(evaluated.stdout, new RegExp(`on ${items} items of folder validation`));
});
