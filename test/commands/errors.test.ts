import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/packageRoot.ts';
import { losslens, startLosslens, temporaryFolder, writeSmallMnist } from '../losslens.ts';

// No engine is installed there.
process.env['LOSSLENS_HOME'] = '/nowhere';
const good = temporaryFolder();
writeSmallMnist(good, 30, 10);
const trainDir = join(temporaryFolder(), 'run');

function train(...more: readonly string[]): string[] {
  return [
    'train',
    '--engine=wasm',
    '--dataset_name=mnist',
    `--dataset_dir=${good}`,
    `--train_dir=${trainDir}`,
    '--max_number_of_steps=1',
    ...more,
  ];
}

/** A copy of the data with one file changed. */
function damaged(file: string, change: (bytes: Buffer) => Buffer): string {
  const folder = temporaryFolder();
  for (const name of ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte']) {
    copyFileSync(join(good, name), join(folder, name));
  }
  writeFileSync(join(folder, file), change(readFileSync(join(good, file))));
  return folder;
}

const occupied = join(temporaryFolder(), 'file');
writeFileSync(occupied, '');

const mistakes: Record<string, [args: string[], code: number, message: RegExp]> = {
  'an unknown layer in --hs': [
    train('--hs=pool3'),
    2,
    /--hs: got "pool3"; expected a layer, such as pool1, pool2, conv1\. All: losslens layers --model_name=lenet$/m,
  ],
  'an unknown layer in --hm': [
    train('--hm=pool1,pol2'),
    2,
    /--hm: got "pol2"; expected a layer, such as pool2/,
  ],
  'a layer that the loss does not depend on': [
    train('--hm=Predictions'),
    2,
    /--hm: the loss does not depend on "Predictions"/,
  ],
  'images that are too small for the network': [
    train('--train_image_size=1'),
    2,
    /LeNet\/pool1: a window of 2 does not fit into 1 pixels; .* \(--train_image_size or /,
  ],
  'layers to monitor but none to select by': [
    train('--hs=', '--hm=pool1'),
    2,
    /--hm: .*expected --hs/,
  ],
  'weights without a name': [
    ['weights', 'get'],
    2,
    /^losslens: weights get: missing required argument 'name'$/m,
  ],
  'an unknown network': [train('--model_name=lenett'), 2, /--model_name: got "lenett"; expected/],
  'an unknown data set': [
    train('--dataset_name=mnits'),
    2,
    /--dataset_name: got "mnits"; expected/,
  ],
  'an unknown split': [
    train('--dataset_split_name=val'),
    2,
    /--dataset_split_name: got "val"; mnist has train and test/,
  ],
  'an unknown split to evaluate': [
    train('--eval_interval_epochs=1', '--eval_split_name=val'),
    2,
    /--eval_split_name: got "val"; mnist has train and test/,
  ],
  'an unknown split of texts to evaluate': [
    [
      ...['train', '--engine=wasm', '--dataset_name=phrases', '--model_name=textcnn'],
      ...['--eval_interval_epochs=1', '--eval_split_name=val', `--train_dir=${trainDir}`],
    ],
    2,
    /--eval_split_name: got "val"; phrases has train and test/,
  ],
  'an unknown preprocessing': [train('--preprocessing_name=x'), 2, /--preprocessing_name: got "x"/],
  'an unknown flag': [
    train('--lerning_rate=0.0001'),
    2,
    /--lerning_rate=0\.0001: losslens train has no flag of this name\. Did you mean --learning_rate\?/,
  ],
  'a word that is no flag': [train('pool2'), 2, /"pool2": this word is not understood/],
  'a flag in vain': [train('--hs=', '--ns=8'), 2, /--ns: has no effect with --hs=;/],
  'a wrong value': [train('--ns=0'), 2, /--ns: got "0"; expected a whole number from 1 to 1024/],
  'an unknown command': [['trian'], 2, /unknown command 'trian'/],
  'a flag that cannot act here': [
    train('--worker_replicas=2'),
    2,
    /--worker_replicas: has no effect without --job_name: this process trains alone\./,
  ],
  'clones without GPUs': [
    train('--num_clones=2'),
    2,
    /--num_clones: got 2, but --engine=wasm computes on the CPU; expected a GPU for each clone, or --clone_on_cpu\./,
  ],
  'a missing folder': [
    train('--dataset_dir=/nowhere'),
    1,
    /\/nowhere: cannot be read \(no such file or folder\)/,
  ],
  'truncated data': [
    train(`--dataset_dir=${damaged('train-images-idx3-ubyte', (b) => b.subarray(0, 5000))}`),
    1,
    /train-images-idx3-ubyte, byte 5000: found 5000 bytes in all; expected 23536\./,
  ],
  'a wrong magic number': [
    train(
      `--dataset_dir=${damaged('train-labels-idx1-ubyte', (b) => Buffer.concat([Buffer.from([1]), b.subarray(1)]))}`,
    ),
    1,
    /train-labels-idx1-ubyte, byte 0: found magic number 16779265; expected 2049\./,
  ],
  'a label out of range': [
    train(
      `--dataset_dir=${damaged('train-labels-idx1-ubyte', (b) => Buffer.concat([b.subarray(0, 12), Buffer.from([77]), b.subarray(13)]))}`,
    ),
    1,
    /train-labels-idx1-ubyte, byte 12: found label 77; expected 0 to 9\./,
  ],
  'a train_dir that cannot be written to': [
    train(`--train_dir=${join(occupied, 'run')}`),
    1,
    /--train_dir: cannot write to ".*run" \(".*file" is a file\); expected a folder of one's own\. Name another folder\.$/m,
  ],
  'a folder that is not UTF-8': [
    train('--train_dir=/tmp/a\uFFFD'),
    2,
    /losslens: --train_dir: got "\/tmp\/a\uFFFD", in which \uFFFD can stand for any byte that is not UTF-8; expected UTF-8 without it\.$/m,
  ],
  'a value that is not UTF-8 behind its flag': [
    train('--dataset-dir', '\uFFFD=b'),
    2,
    /losslens: --dataset_dir: got "\uFFFD=b", in which/,
  ],
  'a file that is not UTF-8': [
    ['predict', '--json', '--', '\uFFFD.png'],
    2,
    /losslens: got "\uFFFD\.png", in which/,
  ],
  'help for a command that there is none of': [
    ['help', 'nope'],
    2,
    /help: there is no command "nope"; expected one of train, evaluate, /,
  ],
  'no checkpoint to evaluate': [
    ['evaluate', '--engine=wasm', '--checkpoint_path=/nowhere'],
    2,
    /--checkpoint_path: got "\/nowhere", which is not there; expected a folder with a checkpoint/,
  ],
  'an engine that is not installed': [
    train('--engine=tensorflow'),
    3,
    /engine tensorflow: found nothing in .*; expected an installed engine\. Run: losslens engine install/,
  ],
};

for (const [mistake, [args, code, message]] of Object.entries(mistakes)) {
  test(`${mistake} gets one clear line and exit code ${code}, and leaves nothing behind`, async () => {
    const result = await losslens(args);
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, message);
    assert.equal(result.stderr.trimEnd().split('\n').length, 1, result.stderr);
    assert.match(result.stderr, /^losslens: /);
    assert.equal(existsSync(trainDir), false);
  });
}

test('a folder that is not UTF-8 in the shell is not trained into under another name', {
  skip: process.platform === 'win32' && 'arguments are no bytes there',
}, () => {
  const folder = temporaryFolder();
  const script = '"$0" "$@" --train_dir="$(printf \'a\\351\')"';
  const args = ['-c', script, process.execPath, join(packageRoot, 'dist/bin/losslens.cjs')];
  const { status, stderr } = spawnSync('sh', [...args, ...train()], { cwd: folder });
  assert.equal(status, 2);
  assert.match(`${stderr}`, /^losslens: --train_dir: got "a\uFFFD", in which .*\n$/);
  assert.deepEqual(readdirSync(folder), []);
});

test('--debug shows where an error comes from, wherever it stands', async () => {
  for (const args of [
    ['--debug', ...train('--hs=pool3')],
    [...train('--hs=pool3'), '--debug'],
  ]) {
    const { stderr } = await losslens(args);
    assert.match(stderr, /at buildTrainingGraph/);
  }
});

test('help lists all commands, and tells of one', async () => {
  const { code, stdout } = await losslens(['--help']);
  assert.equal(code, 0);
  const listed = [...stdout.matchAll(/^ {2}(\w+) /gm)].map(([, name]) => name);
  assert.deepEqual(listed, [
    ...['train', 'evaluate', 'engine', 'data', 'weights', 'layers', 'predict', 'export'],
    ...['inspect', 'verify', 'review', 'completion', 'help'],
  ]);
  for (const args of [
    ['help', 'train'],
    ['train', '--help'],
  ]) {
    const { stdout: help } = await losslens(args);
    assert.match(help, /^Usage: losslens train /);
    assert.match(help, /--precision <NAME>[^-]*\[auto\]/);
  }
  const { stdout: evaluate } = await losslens(['evaluate', '--help']);
  assert.match(evaluate, /--precision <NAME>[^-]*\[float32\]/);
});

test('a reader who has seen enough of the output is no error', async () => {
  const [child, result] = startLosslens(['data', 'info', '--dataset_name=phrases']);
  child.stdout!.destroy();
  const { code, stderr } = await result;
  assert.deepEqual([code, stderr], [0, '']);
});
