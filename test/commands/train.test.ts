import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTensorBundle } from '../../src/checkpoint/tensorBundle.ts';
import {
  briefly,
  losslens,
  smallNetwork,
  startLosslens,
  temporaryFolder,
  writeSmallMnist,
} from '../losslens.ts';
import { skipWithoutPython } from '../python.ts';
import { readWithTensorFlow } from '../tensorboard/readers.ts';

const data = temporaryFolder();
// Not a multiple of the batch size: the last batch of an epoch is smaller, and trained on.
const items = 105;
writeSmallMnist(data, items, 50);
const stepsPerEpoch = Math.ceil(items / 10);

function trainArguments(trainDir: string, ...more: readonly string[]): string[] {
  return [
    'train',
    '--engine=wasm',
    `--train_dir=${trainDir}`,
    '--dataset_name=mnist',
    `--dataset_dir=${data}`,
    `--model_name=${smallNetwork}`,
    '--batch_size=10',
    '--max_number_of_epochs=3',
    '--optimizer=momentum',
    '--learning_rate=0.01',
    '--learning_rate_decay_type=fixed',
    '--weight_decay=0',
    '--log_every_n_steps=5',
    '--seed=1',
    '--ns=8',
    '--hm=pool1,pool2',
    ...more,
  ];
}

interface SelectionLine {
  epoch: number;
  step: number;
  rank: number;
  item: number;
  contributions: Record<string, number>;
}

function readSelections(trainDir: string): SelectionLine[] {
  return readFileSync(join(trainDir, 'selections.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SelectionLine);
}

const whole = join(temporaryFolder(), 'whole');
const wholeRun = await losslens(trainArguments(whole));

test('a run ends with exit code 0, its record, a checkpoint and both selection files', () => {
  assert.equal(wholeRun.code, 0, wholeRun.stderr);
  assert.match(wholeRun.stderr, /epoch 3: selected 8 items/);
  assert.match(wholeRun.stderr, /tensorboard --logdir/);
  const { flags, engine, versions } = JSON.parse(readFileSync(join(whole, 'run.json'), 'utf8'));
  assert.equal(flags.batch_size, 10);
  assert.equal(flags.hs, 'Logits');
  assert.match(engine.name, /^wasm/);
  assert.equal(versions.node, process.versions.node);
  assert.match(readFileSync(join(whole, 'checkpoint'), 'utf8'), /"model.ckpt-33"/);
});

test('each epoch selects Ns items in rank order', () => {
  const selections = readSelections(whole);
  assert.equal(selections.length, 3 * 8);
  for (const epoch of [1, 2, 3]) {
    const selected = selections.filter((line) => line.epoch === epoch);
    assert.deepEqual(
      selected.map(({ rank }) => rank),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
    const contributions = selected.map((line) => line.contributions['Logits']!);
    assert.deepEqual(
      contributions,
      [...contributions].sort((a, b) => b - a),
    );
    assert.equal(new Set(selected.map(({ item }) => item)).size, 8);
    assert.ok(selected.every(({ item, step }) => item < items && step === epoch * stepsPerEpoch));
  }
});

test('selection.csv holds the last epoch’s selection', () => {
  const lines = readFileSync(join(whole, 'selection.csv'), 'utf8').trimEnd().split('\n');
  assert.equal(lines[0], 'rank,item,label,output,probability,contribution,epoch,step,score');
  const last = readSelections(whole).slice(-8);
  assert.deepEqual(
    lines.slice(1).map((line) => Number(line.split(',')[1])),
    last.map(({ item }) => item),
  );
});

test('items monitored in an epoch have their contributions at Hm recorded', () => {
  const selections = readSelections(whole);
  const before = new Set(selections.filter(({ epoch }) => epoch < 3).map(({ item }) => item));
  const again = selections.filter(({ epoch, item }) => epoch === 3 && before.has(item));
  assert.ok(again.length > 0);
  for (const { contributions } of again) {
    assert.deepEqual(Object.keys(contributions).sort(), ['Logits', 'pool1', 'pool2']);
  }
});

test('each step with a monitored item is recorded with its contributions at Hs and Hm', () => {
  const lines = readFileSync(join(whole, 'monitoring.jsonl'), 'utf8').trimEnd().split('\n');
  const encounters = lines.map((line) => JSON.parse(line) as SelectionLine);
  const selections = readSelections(whole);
  const items = (epoch: number) =>
    selections.filter((line) => line.epoch <= epoch).map(({ item }) => item);
  for (const epoch of [2, 3]) {
    const seen = encounters.filter((encounter) => encounter.epoch === epoch);
    const expected = [...new Set(items(epoch - 1))].sort((a, b) => a - b);
    assert.deepEqual(
      seen.map(({ item }) => item).sort((a, b) => a - b),
      expected,
    );
    for (const { contributions } of seen) {
      assert.deepEqual(Object.keys(contributions), ['pool1', 'pool2', 'Logits']);
      assert.ok(Object.values(contributions).every(Number.isFinite));
    }
  }
});

test('the selected items and others go to the projector, with what Hs holds of them', () => {
  const table = (name: string) =>
    readFileSync(join(whole, 'projector-33', name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
  const [columns, ...rows] = table('metadata.tsv');
  assert.deepEqual(columns, ['item', 'label', 'output', 'probability', 'chosen', 'rank']);
  const last = readSelections(whole).slice(-8);
  assert.deepEqual(
    rows.slice(0, 8).map(([item, , , , chosen, rank]) => [item, chosen, rank]),
    last.map(({ item, rank }) => [String(item), 'selected', String(rank)]),
  );
  // All items: there are fewer than --projector_items.
  assert.equal(new Set(rows.map(([item]) => item)).size, items);
  const names = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
  for (const [i, vector] of table('vectors.tsv').entries()) {
    const logits = vector.map(Number);
    assert.equal(logits.length, 10);
    assert.equal(names[logits.indexOf(Math.max(...logits))], rows[i]![2]);
  }
});

const skipPython = skipWithoutPython('tensorflow', 'tensorboard');
test('TensorFlow and TensorBoard read every record', { skip: skipPython }, () => {
  const { records, kept, hasGraph } = readWithTensorFlow(whole)[0]!;
  assert.deepEqual(
    records.slice(0, 3).map(({ kind }) => kind),
    ['file_version', 'session_log', 'graph_def'],
  );
  assert.ok(hasGraph);
  assert.equal(kept['1 Selection View/Logits'], 3);
  assert.equal(kept['selection/items'], 3);
  // Every five steps, at the first and at the end of each epoch.
  assert.equal(kept['total_loss'], new Set([1, 5, 10, 11, 15, 20, 22, 25, 30, 33]).size);
  for (const tag of ['activations/Logits', 'sparsity/conv1', 'variables/Small/fc3/biases']) {
    assert.equal(kept[tag], 1 + 3, tag);
  }
  assert.equal(kept['_hparams_/session_start_info'], 1);
  assert.equal(kept['_hparams_/session_end_info'], 1);
  // Every item that was selected in epochs 1 and 2 is seen once in each epoch after that.
  const selections = readSelections(whole);
  const first = new Set(selections.filter(({ epoch }) => epoch === 1).map(({ item }) => item));
  const second = new Set(selections.filter(({ epoch }) => epoch === 2).map(({ item }) => item));
  for (const item of new Set([...first, ...second])) {
    const name = `2 Monitoring View/${String(item).padStart(6, '0')} `;
    const tag = Object.keys(kept).find((candidate) => candidate.startsWith(name));
    assert.ok(tag, name);
    assert.equal(kept[tag], first.has(item) ? 2 : 1, tag);
    assert.equal(kept[tag.replace('2 Monitoring View', '3 Evolution View')], 1, tag);
  }
});

test('the same seed gives the same selection, byte for byte', async () => {
  const again = join(temporaryFolder(), 'again');
  await losslens(trainArguments(again, ...briefly, '--max_number_of_epochs=2'));
  const upTo2 = (file: string) =>
    readFileSync(join(whole, file), 'utf8').replace(/^\{"epoch":3,.*\n/gm, '');
  for (const file of ['selections.jsonl', 'monitoring.jsonl']) {
    assert.equal(readFileSync(join(again, file), 'utf8'), upTo2(file));
  }
});

async function weightsOf(trainDir: string): Promise<Record<string, unknown>> {
  const bundle = await openTensorBundle(join(trainDir, 'model.ckpt-33'));
  const names = [...bundle.shapes.keys()].filter((name) => !name.startsWith('losslens/'));
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await bundle.read(name)).data] as const)),
  );
}

test('Ctrl-C ends a run cleanly, and a resumed run equals an uninterrupted one', async () => {
  const trainDir = join(temporaryFolder(), 'interrupted');
  const [child, ended] = startLosslens(trainArguments(trainDir, ...briefly));
  child.stderr!.on('data', (text: Buffer) => {
    // In the middle of epoch 2.
    if (text.includes('step 15 of 33')) child.kill('SIGINT');
  });
  const { code, stderr } = await ended;
  assert.equal(code, 130, stderr);
  assert.match(stderr, /stopped after \d+ steps/);
  assert.ok(existsSync(join(trainDir, 'selection.csv')));
  assert.ok(existsSync(join(trainDir, 'items.csv')));
  assert.ok(readdirSync(trainDir).some((file) => /^model\.ckpt-\d+\.index$/.test(file)));
  const resumed = await losslens(trainArguments(trainDir, ...briefly));
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.match(resumed.stderr, /resuming .*model\.ckpt-\d+/);
  for (const file of ['selection.csv', 'selections.jsonl', 'monitoring.jsonl', 'items.csv']) {
    assert.equal(
      readFileSync(join(trainDir, file), 'utf8'),
      readFileSync(join(whole, file), 'utf8'),
    );
  }
  assert.deepEqual(await weightsOf(trainDir), await weightsOf(whole));
});

test('a finished run is left as it is, with a word on how to go on', async () => {
  for (const [more, flags] of [
    [[], '--max_number_of_epochs'],
    [['--max_number_of_steps=40'], '--max_number_of_epochs'],
    [['--max_number_of_steps=33'], '--max_number_of_steps and --max_number_of_epochs'],
  ] as const) {
    const { code, stderr } = await losslens(trainArguments(whole, ...more));
    assert.equal(code, 0);
    assert.ok(stderr.includes(`holds a run of 33 steps already: raise ${flags} to go on`), stderr);
  }
});

test('a run does not go on with other labels, and keeps its files', async () => {
  const before = readdirSync(whole);
  const args = trainArguments(whole, '--label_noise=0.1', '--max_number_of_epochs=4');
  const { code, stderr } = await losslens(args);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^losslens: --train_dir: the run of .*model\.ckpt-33, 33 steps, cannot go on with other items or labels, --label_noise=0\.1 \(was 0\); .*\n$/m,
  );
  assert.deepEqual(readdirSync(whole), before);
});

test('a run that monitors no layers selects items all the same', async () => {
  const trainDir = join(temporaryFolder(), 'unmonitored');
  const { code, stderr } = await losslens(
    trainArguments(trainDir, ...briefly, '--hm=', '--max_number_of_epochs=1'),
  );
  assert.equal(code, 0, stderr);
  assert.equal(readSelections(trainDir).length, 8);
});

test('evaluate classifies a split with the latest checkpoint', async () => {
  const { code, stdout } = await losslens([
    'evaluate',
    '--engine=wasm',
    `--model_name=${smallNetwork}`,
    `--checkpoint_path=${whole}`,
    '--dataset_name=mnist',
    `--dataset_dir=${data}`,
    '--batch_size=15',
  ]);
  assert.equal(code, 0);
  assert.match(stdout, /model\.ckpt-33 on 50 items of mnist test: accuracy 0\.\d{4}/);
});
