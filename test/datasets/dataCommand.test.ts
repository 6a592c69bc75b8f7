import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeShapes } from '../../datasets/builtIn/shapes.ts';
import { writeTfrecords } from '../../datasets/convert.ts';
import { lockFolder } from '../../src/files/folderLock.ts';
import { losslens } from '../losslens.ts';
import { temporaryFolder } from './temporaryFolder.ts';

test('converts a folder to TFRecords and back, and describes the same each time', async (t) => {
  const folder = await temporaryFolder(t);
  const [source, first, records, second] = ['source', 'first', 'records', 'second'].map((name) =>
    join(folder, name),
  );
  await writeTfrecords(makeShapes('test', 60), { folder: source!, numShards: 1 });
  const run = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await losslens(['data', ...args]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  await run(
    'convert',
    '--from=shapes',
    `--dataset_dir=${source}`,
    '--dataset_split_name=test',
    '--to=folder',
    `--output_dir=${first}`,
  );
  const toRecords = ['--from=folder', `--dataset_dir=${first}`, '--output_name=forms'];
  await run('convert', ...toRecords, '--to=tfrecord', '--num_shards=2', `--output_dir=${records}`);
  assert.deepEqual((await readdir(records!)).sort(), [
    'forms_test_00000-of-00002.tfrecord',
    'forms_test_00001-of-00002.tfrecord',
    'labels.txt',
  ]);
  const fromRecords = ['--from=forms', `--dataset_dir=${records}`];
  await run('convert', ...fromRecords, '--to=folder', `--output_dir=${second}`);
  const describe = (name: string, dir: string) =>
    run('info', `--dataset_name=${name}`, `--dataset_dir=${dir}`, '--dataset_split_name=test');
  const described = await describe('folder', second!);
  assert.match(described, /^folder, test: 60 items of 32×32×3\n/);
  assert.equal(described, await describe('folder', first!));
  assert.equal(described, (await describe('forms', records!)).replace('forms', 'folder'));
});

test('nothing is converted into a folder that another process writes to', async (t) => {
  const folder = await temporaryFolder(t);
  const lock = await lockFolder(folder, '--output_dir');
  for (const form of ['tfrecord', 'folder']) {
    const from = ['--from=digits', '--dataset_split_name=test', `--to=${form}`];
    const { code, stderr } = await losslens(['data', 'convert', ...from, `--output_dir=${folder}`]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^losslens: --output_dir: ".*" is in use by process .*\n$/);
  }
  assert.deepEqual(await readdir(folder), ['losslens.lock']);
  await lock.release();
});

test('writes the pictures of a split, and says which items were left out', async (t) => {
  const folder = await temporaryFolder(t);
  const from = ['--from=digits', '--dataset_split_name=test', '--to=folder'];
  const converted = await losslens(['data', 'convert', ...from, `--output_dir=${folder}`]);
  assert.equal(converted.code, 0, converted.stderr);
  await writeFile(join(folder, 'test/zero/00000.png'), 'no image');
  const info = ['data', 'info', '--dataset_name=folder', `--dataset_dir=${folder}`];
  const failed = await losslens(info);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /^losslens: .*zero\/00000\.png: cannot be decoded .*\n$/);
  const pictures = join(folder, 'pictures');
  const skipped = await losslens([...info, '--on_bad_item=skip', `--output_dir=${pictures}`]);
  assert.equal(skipped.code, 0, skipped.stderr);
  assert.match(skipped.stderr, /left out item \d: .*zero\/00000\.png: cannot be decoded/);
  const files = await readdir(join(pictures, 'test'));
  assert.equal(files.filter((file) => file.endsWith('.png')).length, 11);
  assert.ok(files.includes('mean.png') && files.includes('0003-three.png'), `${files}`);
});

test('missing flags and unknown data sets are usage errors', async () => {
  for (const [args, error] of [
    [['convert'], /--from: missing/],
    [['convert', '--from=digits'], /--output_dir: missing/],
    [['convert', '--from=digits', '--to=zip'], /--to: got "zip"; expected one of tfrecord, folder/],
    [
      ['info', '--max_items_per_class=4'],
      /--max_items_per_class: has no effect without --output_dir/,
    ],
    [['info', '--dataset_name=nothing'], /--dataset_name: got "nothing"; expected one of/],
  ] as const) {
    const { code, stderr } = await losslens(['data', ...args]);
    assert.equal(code, 2);
    assert.match(stderr, error);
  }
});
