import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { writeImageFolder } from '../../datasets/convert.ts';
import { decodeImage } from '../../datasets/images/decodeImage.ts';
import { lockFolder } from '../../src/files/folderLock.ts';
import { briefly, losslens, smallNetwork, temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { runPython, skipWithoutPython } from '../python.ts';

/** Without a file for each image. */
const data = temporaryFolder();
writeSmallMnist(data, 30, 1);
const photos = join(temporaryFolder(), 'photos');
await writeImageFolder(makeDigits('train', 40), { folder: photos });
const run = join(temporaryFolder(), 'run');
const model = [`--model_name=${smallNetwork}`, '--engine=wasm'];
const trained = await losslens([
  ...['train', ...model, ...briefly, `--train_dir=${run}`, '--dataset_name=folder'],
  ...[`--dataset_dir=${photos}`, '--batch_size=20', '--max_number_of_epochs=2'],
  ...['--optimizer=momentum', '--learning_rate=0.01', '--learning_rate_decay_type=fixed'],
]);
assert.equal(trained.code, 0, trained.stderr);

function exportTo(folder: string, ...more: readonly string[]) {
  return losslens([
    ...['export', '--cleanlab', ...model, `--checkpoint_path=${run}`, `--export_dir=${folder}`],
    ...more,
  ]);
}

const folder = join(temporaryFolder(), 'exported');
const exported = await exportTo(folder, '--rank_by=loss_mean', '--top=7', '--batch_size=32');
assert.equal(exported.code, 0, exported.stderr);

const textOf = (path: string) => readFileSync(path, 'utf8');
const jsonOf = (name: string) => JSON.parse(textOf(join(folder, name)));
const rowsOf = (path: string) =>
  textOf(path)
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
const [header, ...index] = rowsOf(join(folder, 'index.csv'));
const files = index.map(([, , file]) => file!);
const classes: string[] = jsonOf('classes.json');

test('a line says what was exported', () => {
  assert.match(
    exported.stdout,
    /model\.ckpt-4 on folder train, exported to .*: labels\.npy int64\[40\], pred_probs\.npy float32\[40,10\], 7 suspects\n$/,
  );
});

test('the rows are the items of the data in their order', () => {
  assert.deepEqual(header, ['row', 'item', 'file']);
  const [, ...items] = rowsOf(join(run, 'items.csv'));
  assert.deepEqual(
    index,
    items.map(([item, file], row) => [String(row), item, file]),
  );
});

test('numpy reads the labels of the folders, and the probabilities that predict gives', {
  skip: skipWithoutPython('numpy'),
}, async () => {
  const [labels, probabilities] = runPython(
    'npy_read.py',
    join(folder, 'labels.npy'),
    join(folder, 'pred_probs.npy'),
  ) as [{ dtype: string; values: number[] }, { dtype: string; values: number[][] }];
  assert.deepEqual([labels.dtype, probabilities.dtype], ['int64', 'float32']);
  assert.deepEqual(
    labels.values.map((label) => classes[label]),
    files.map((file) => basename(dirname(file))),
  );
  const { stdout } = await losslens([
    ...['predict', ...model, `--checkpoint_path=${run}`, '--json', '--top_k=10', ...files],
  ]);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, 40);
  lines.forEach((line, row) => {
    const { file, predictions } = JSON.parse(line);
    assert.equal(file, files[row]);
    for (const { label, probability } of predictions) {
      assert.ok(Math.abs(probability - probabilities.values[row]![label]!) < 1e-6);
    }
  });
});

test('the suspects are what the score ranks first, in each form', () => {
  const [columns, ...items] = rowsOf(join(run, 'items.csv'));
  const at = (name: string) => columns!.indexOf(name);
  const expected = items
    .sort((a, b) => Number(b[at('loss_mean')]) - Number(a[at('loss_mean')]))
    .slice(0, 7)
    .map((fields, i) => ({
      rank: i + 1,
      row: Number(fields[0]),
      item: Number(fields[0]),
      file: fields[at('file')],
      label: fields[at('label')],
      suggested_label: fields[at('suggested_label')],
      suggested_probability: Number(fields[at('suggested_probability')]),
      score_name: 'loss_mean',
      score: Number(fields[at('loss_mean')]),
    }));
  assert.deepEqual(jsonOf('suspects.json'), expected);
  const tasks = jsonOf('label_studio.json');
  assert.deepEqual(
    tasks.map(({ data }: { data: { image: string; given_label: string } }) => [
      new URL(data.image, 'http://localhost').searchParams.get('d'),
      data.given_label,
    ]),
    expected.map(({ file, label }) => [file!.slice(1), label]),
  );
  const { result } = tasks[0].predictions[0];
  assert.deepEqual(result[0].value, { choices: [expected[0]!.suggested_label] });
  const fiftyone = jsonOf('fiftyone.json');
  assert.deepEqual(fiftyone.classes, classes);
  assert.deepEqual(
    Object.entries<{ label: number }>(fiftyone.labels).map(([file, { label }]) => [
      file,
      fiftyone.classes[label],
    ]),
    expected.map(({ file, suggested_label }) => [file, suggested_label]),
  );
  assert.ok(!existsSync(join(folder, 'images')));
});

test('an export is not written over another, nor ranked by what the run has not', async () => {
  const [again, unknown] = await Promise.all([
    exportTo(folder),
    exportTo(join(temporaryFolder(), 'other'), '--rank_by=los_mean'),
  ]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /--export_dir: ".*" holds pred_probs\.npy already; /);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /--rank_by: got "los_mean"; .* Did you mean loss_mean\?\n$/);
});

test('nothing is exported into a folder that another process writes to', async () => {
  const target = temporaryFolder();
  const lock = await lockFolder(target, '--export_dir');
  const served = ['export', ...model.slice(0, 1), `--checkpoint_path=${run}`];
  const both = [exportTo(target), losslens([...served, `--export_dir=${target}`])];
  for (const { code, stderr } of await Promise.all(both)) {
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^losslens: --export_dir: ".*" is in use by process .*\n$/);
  }
  assert.deepEqual(readdirSync(target), ['losslens.lock']);
  await lock.release();
});

test('data that the run has not scored have no suspects', async () => {
  const target = join(temporaryFolder(), 'others');
  const { code, stdout, stderr } = await exportTo(
    target,
    ...['--dataset_name=mnist', `--dataset_dir=${data}`, '--dataset_split_name=test'],
  );
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^no suspects: mnist test is not what a run in .* has scored\n$/m);
  assert.match(stdout, /pred_probs\.npy float32\[1,10\], 0 suspects\n$/);
  assert.deepEqual(readdirSync(target).sort(), [
    'classes.json',
    'index.csv',
    'labels.npy',
    'pred_probs.npy',
  ]);
});

test('suspects without a file of their own get one, which no data set takes for its own', async () => {
  const own = join(temporaryFolder(), 'own');
  const { code, stderr } = await losslens([
    ...['train', ...model, ...briefly, `--train_dir=${own}`, '--dataset_name=mnist'],
    ...[`--dataset_dir=${data}`, '--batch_size=30', '--max_number_of_epochs=1'],
  ]);
  assert.equal(code, 0, stderr);
  const target = join(own, 'exported');
  const done = await losslens([
    ...['export', '--cleanlab', ...model, `--checkpoint_path=${own}`, `--export_dir=${target}`],
    '--top=3',
  ]);
  assert.equal(done.code, 0, done.stderr);
  const suspects: { item: number }[] = JSON.parse(textOf(join(target, 'suspects.json')));
  const digits = makeDigits('train', 30);
  for (const { item } of suspects) {
    const path = join(target, 'images', `item-${String(item).padStart(6, '0')}.png`);
    const picture = await decodeImage(readFileSync(path), path, { channels: 1, size: null });
    assert.deepEqual([...picture.data], [...(await digits.image(item)).data]);
  }
  assert.ok(existsSync(join(target, 'images/.losslens-pictures')));
});

test('flags of one kind of export are refused with the other', async () => {
  const { code, stderr } = await losslens([
    ...['export', `--checkpoint_path=${run}`, '--export_dir=x', '--top=3', '--engine=wasm'],
  ]);
  assert.equal(code, 2);
  assert.match(stderr, /^losslens: --top, --engine: have no effect without --cleanlab\.\n$/);
});
