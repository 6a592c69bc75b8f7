import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makePhrases } from '../../datasets/builtIn/phrases.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { briefly, losslens, temporaryFolder } from '../losslens.ts';
import { skipWithoutPython } from '../python.ts';
import { readWithTensorFlow } from '../tensorboard/readers.ts';

const data = temporaryFolder();
for (const [split, size] of [
  ['train', 150],
  ['test', 60],
] as const) {
  const { texts, labels, classNames } = makePhrases(split, size);
  const lines = texts.map((text, item) => `${classNames[labels[item]!]}\t${text}\n`);
  writeFileSync(join(data, `${split}.tsv`), lines.join(''));
}

const model = ['--model_name=textcnn', '--max_sequence_length=16'];
const tsv = ['--dataset_name=tsv', `--dataset_dir=${data}`];
const optimizer = [
  '--optimizer=adam',
  '--learning_rate=0.002',
  '--opt_epsilon=1e-8',
  '--learning_rate_decay_type=fixed',
];

const trainDir = join(temporaryFolder(), 'run');
const training = [
  ...['train', '--engine=wasm', ...briefly, `--train_dir=${trainDir}`],
  ...tsv,
  ...model,
  ...optimizer,
  '--batch_size=50',
  '--max_number_of_epochs=2',
  '--eval_interval_epochs=2',
  '--vocabulary_size=150',
  '--label_noise=0.1',
  '--seed=1',
  '--hs=Logits',
  '--ns=10',
  '--hm=embedding,conv3,pooled',
];
const run = await losslens(training);

test('a network is trained on texts, and says where each selected one stands', () => {
  assert.equal(run.code, 0, run.stderr);
  assert.match(run.stderr, /epoch 2: accuracy 0\.\d+ on 60 items, \d+ of 10 selected items/);
  const words = readFileSync(join(trainDir, 'vocabulary.txt'), 'utf8').trimEnd().split('\n');
  assert.deepEqual([words.length, words[0]], [150, '<padding>']);
  const selection = readFileSync(join(trainDir, 'selection.csv'), 'utf8').trimEnd().split('\n');
  assert.equal(selection.length, 1 + 10);
  const items = readFileSync(join(trainDir, 'items.csv'), 'utf8').split('\n');
  assert.ok(items[1]!.includes('train.tsv, line 1'), items[1]);
});

test('both views of texts are in the log, as wide as TensorBoard’s cards', {
  skip: skipWithoutPython('tensorflow', 'tensorboard'),
}, () => {
  const values = readWithTensorFlow(trainDir)[0]!.records.flatMap((record) => record.values);
  const sizes = (section: string) =>
    values.filter(({ tag }) => tag?.startsWith(section)).map(({ size }) => size![0]);
  assert.equal(sizes('1 Selection View/Logits').length, 2);
  assert.equal(sizes('2 Monitoring View/').length, 10);
  assert.deepEqual(
    new Set([...sizes('1 Selection View/'), ...sizes('2 Monitoring View/')]),
    new Set([350]),
  );
});

test('evaluate and inspect know the words that the run has learnt', async () => {
  const checkpoint = ['--engine=wasm', `--checkpoint_path=${trainDir}`];
  const evaluated = await losslens(['evaluate', ...checkpoint, ...tsv, ...model]);
  assert.equal(evaluated.code, 0, evaluated.stderr);
  const accuracy = /accuracy (0\.\d+) on 60 items/.exec(run.stderr)![1]!;
  assert.ok(evaluated.stdout.includes(accuracy), evaluated.stdout);

  const inspected = await losslens([
    'inspect',
    ...checkpoint,
    '--items=3',
    '--layers=embedding,Logits',
    '--json',
  ]);
  assert.equal(inspected.code, 0, inspected.stderr);
  const { layers } = JSON.parse(inspected.stdout).items[0];
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  assert.deepEqual(layers.embedding.C.shape, [1, 16]);
  const difference = sum(layers.embedding.C.values) - sum(layers.embedding.R.values);
  assert.ok(Math.abs(difference - layers.embedding.contribution) < 1e-5);

  const words = join(trainDir, 'vocabulary.txt');
  const before = readFileSync(words, 'utf8');
  writeFileSync(words, before.slice(0, 400));
  const cut = await losslens(['evaluate', ...checkpoint, ...tsv, ...model]);
  assert.equal(cut.code, 1);
  assert.match(cut.stderr, /vocabulary\.txt: holds other words than the run was trained with/);
  rmSync(words);
  const lost = await losslens(['evaluate', ...checkpoint, ...tsv, ...model]);
  assert.equal(lost.code, 1);
  assert.match(lost.stderr, /vocabulary\.txt: is missing; expected the words of the run/);
  const again = await losslens(training);
  assert.match(again.stderr, /holds a run of \d+ steps already/);
  assert.equal(readFileSync(words, 'utf8'), before);
});

test('networks and data of different kinds are refused in one line', async () => {
  const folder = join(temporaryFolder(), 'run');
  for (const [args, message] of [
    [
      ['--dataset_name=digits', '--model_name=textcnn'],
      /digits holds images; the network takes texts/,
    ],
    [
      ['--dataset_name=phrases', '--model_name=lenet'],
      /phrases holds texts; the network takes images/,
    ],
  ] as const) {
    const refused = await losslens(['train', '--engine=wasm', `--train_dir=${folder}`, ...args]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr.trimEnd(), message);
    assert.equal(refused.stderr.trimEnd().split('\n').length, 1);
  }
});

const { skip } = await tensorFlowOrSkip();

test('nearly all selected texts carry a planted wrong label', { skip }, async () => {
  const { code, stderr } = await losslens([
    'train',
    '--engine=tensorflow',
    ...briefly,
    `--train_dir=${join(temporaryFolder(), 'run')}`,
    '--dataset_name=phrases',
    ...model,
    ...optimizer,
    '--batch_size=50',
    '--max_number_of_epochs=2',
    '--label_noise=0.05',
    '--seed=1',
    '--hs=Logits',
    '--ns=16',
  ]);
  assert.equal(code, 0, stderr);
  const [, found] = /epoch 2: (\d+) of 16 selected items carry a planted wrong label/.exec(stderr)!;
  assert.ok(Number(found) >= 14, stderr);
});
