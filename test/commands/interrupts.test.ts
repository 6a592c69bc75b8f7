/** What commands leave that Ctrl-C stops: nothing half, and nothing at all where they had not begun. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { encodePng } from '../../datasets/images/encodePng.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import {
  briefly,
  losslens,
  smallNetwork,
  startLosslens,
  temporaryFolder,
  writeSmallMnist,
} from '../losslens.ts';

const noPipes = process.platform === 'win32' && 'the system has no named pipes';
const folder = temporaryFolder();
writeSmallMnist(folder, 40, 20);
const run = join(folder, 'run');
const trainArguments = (trainDir: string, ...more: readonly string[]) => [
  ...['train', '--engine=wasm', `--model_name=${smallNetwork}`, `--train_dir=${trainDir}`],
  ...['--dataset_name=mnist', `--dataset_dir=${folder}`, '--batch_size=10'],
  ...['--max_number_of_epochs=1', '--ns=4', '--hm=pool1', ...briefly, ...more],
];
const trained = await losslens(trainArguments(run));
assert.equal(trained.code, 0, trained.stderr);

/** A file that whoever opens it waits for, for ever: as a disk that does not answer. */
function unreadablePipe(name: string): string {
  const path = join(folder, name);
  spawnSync('mkfifo', [path]);
  return path;
}

for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGHUP', 129],
] as const) {
  test(`${name} ends a training that waits for its data, and leaves nothing`, {
    skip: noPipes,
  }, async () => {
    const trainDir = join(folder, `waiting-${name}`);
    const labels = `--labels_file=${unreadablePipe(`${name}.csv`)}`;
    const [child, ended] = startLosslens(trainArguments(trainDir, labels));
    while (child.exitCode === null && !existsSync(join(trainDir, 'losslens.lock'))) {
      await setTimeout(5);
    }
    child.kill(name);
    const { code: exitCode, stderr } = await ended;
    // By itself, or by the signal where something held it up: shells see the same.
    assert.equal(exitCode ?? child.signalCode, exitCode === null ? name : code, stderr);
    assert.equal(
      stderr,
      `${name}: stopping; once more ends it at once\nstopped before its first step\n`,
    );
    assert.ok(!existsSync(trainDir));
  });
}

/** Runs a command that is told of SIGINT when it opens a file. */
function interruptedAt(file: string, args: readonly string[]) {
  const hook = pathToFileURL(join(packageRoot, 'dist/test/commands/interruptHook.js')).href;
  const nodeOptions = `${process.env['NODE_OPTIONS'] ?? ''} --import=${hook}`;
  return losslens(args, { NODE_OPTIONS: nodeOptions, LOSSLENS_INTERRUPT_AT: file });
}

const ofRun = ['--engine=wasm', `--model_name=${smallNetwork}`];
const stopping = 'SIGINT: stopping after this step; once more ends it at once\n';

test('Ctrl-C leaves no half of a review page', async () => {
  const output = join(folder, 'review');
  const args = ['review', ...ofRun, `--train_dir=${run}`, `--output_dir=${output}`];
  const { code, stdout, stderr } = await interruptedAt('review.html.tmp', [
    ...args,
    '--num_views=0',
  ]);
  assert.equal(code, 130, stderr);
  assert.deepEqual([stdout, stderr], ['', stopping]);
  assert.deepEqual(readdirSync(output), []);
});

test('a SavedModel that is being written is written to its end', async () => {
  const output = join(folder, 'saved');
  const args = ['export', `--model_name=${smallNetwork}`, `--checkpoint_path=${run}`];
  const { code, stderr } = await interruptedAt('saved_model.pb.tmp', [
    ...args,
    `--export_dir=${output}`,
  ]);
  assert.deepEqual([code, stderr], [0, stopping]);
  const undisturbed = join(folder, 'saved-undisturbed');
  assert.equal((await losslens([...args, `--export_dir=${undisturbed}`])).code, 0);
  assert.deepEqual(readdirSync(output).sort(), ['assets.extra', 'saved_model.pb']);
  const [one, other] = [output, undisturbed].map((each) =>
    readFileSync(join(each, 'saved_model.pb')),
  );
  assert.ok(one!.equals(other!));
});

test('an export for cleanlab that Ctrl-C stops lacks the file that stands for the whole', async () => {
  const output = join(folder, 'cleanlab');
  const args = ['export', '--cleanlab', ...ofRun, `--checkpoint_path=${run}`, '--batch_size=1'];
  const { code, stdout, stderr } = await interruptedAt('pred_probs.npy.tmp', [
    ...args,
    `--export_dir=${output}`,
  ]);
  assert.equal(code, 130, stderr);
  assert.deepEqual([stdout, stderr], ['', stopping]);
  const left = readdirSync(output);
  assert.deepEqual(
    left.filter((name) => name.startsWith('pred_probs') || name.endsWith('.tmp')),
    [],
  );
  // What is there is whole, and no reason to refuse the same command.
  assert.equal((await losslens([...args, `--export_dir=${output}`])).code, 0);
});

test('Ctrl-C leaves no half of a converted split', async () => {
  const output = join(folder, 'converted');
  const from = ['data', 'convert', '--from=mnist', `--dataset_dir=${folder}`];
  const { code, stdout, stderr } = await interruptedAt('mnist_train.tfrecord.tmp', [
    ...from,
    `--output_dir=${output}`,
  ]);
  assert.equal(code, 130, stderr);
  assert.deepEqual([stdout, stderr], ['', stopping]);
  assert.ok(!existsSync(output));
});

test('Ctrl-C ends a prediction behind a whole line', { skip: noPipes }, async () => {
  const pictures = join(folder, 'pictures');
  mkdirSync(pictures);
  const first = join(pictures, 'first.png');
  writeFileSync(first, await encodePng(await makeDigits('test', 1).image(0)));
  const [child, ended] = startLosslens([
    ...['predict', ...ofRun, `--checkpoint_path=${run}`, '--json', '--batch_size=1'],
    ...[first, unreadablePipe('second.png')],
  ]);
  child.stdout!.once('data', () => child.kill('SIGINT'));
  const { code, stdout, stderr } = await ended;
  assert.equal(code ?? child.signalCode, code === null ? 'SIGINT' : 130, stderr);
  assert.equal(stderr, stopping);
  assert.deepEqual(
    stdout.split('\n').map((line) => line && JSON.parse(line).file),
    [first, ''],
  );
});
