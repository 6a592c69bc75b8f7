import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { writeImageFolder } from '../../datasets/convert.ts';
import { encodePng } from '../../datasets/images/encodePng.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { briefly, losslens, temporaryFolder } from '../losslens.ts';

// The network gives NaN for a black image, which is in one batch of each epoch.
const photos = join(temporaryFolder(), 'photos');
await writeImageFolder(makeDigits('train', 39), { folder: photos });
const black = join(photos, 'train', 'zero', 'black.png');
writeFileSync(
  black,
  await encodePng({ height: 28, width: 28, channels: 1, data: new Uint8Array(28 * 28) }),
);
const run = join(temporaryFolder(), 'run');
const model = [`--model_name=${join(packageRoot, 'dist/test/fragileNetwork.js')}`, '--engine=wasm'];
const trained = await losslens([
  ...['train', ...model, ...briefly, '--dataset_name=folder', `--dataset_dir=${photos}`],
  ...[`--train_dir=${run}`, '--batch_size=10', '--ns=4', '--log_every_n_steps=1'],
  ...['--max_number_of_steps=4', '--on_nan=skip'],
]);
assert.equal(trained.code, 0, trained.stderr);

const assertBrief = (stderr: string) => assert.doesNotMatch(stderr, /\n +at /);

test('a run that leaves a step out says which items it was of, by their files', () => {
  const line =
    /^skipped step (\d): the loss is NaN; .*; 1 skipped so far\. Items of the batch: (.*)$/m;
  assert.match(trained.stderr, line);
  assert.ok(line.exec(trained.stderr)![2]!.startsWith(`${photos}/`));
  assert.match(trained.stderr, /^skipped 1 of 4 steps, which were not finite$/m);
});

test('predict names the file that the network gives NaN for, and classifies the others', async () => {
  const others = join(photos, 'train', 'one');
  const { code, stdout, stderr } = await losslens([
    ...['predict', ...model, `--checkpoint_path=${run}`, black, others],
  ]);
  assert.equal(code, 1);
  assert.ok(stdout.split('\n').length > 2 && !stdout.includes('NaN'), stdout);
  const line = `losslens: ${black}: the network of ${run}/model.ckpt-4 gives NaN; expected probabilities.`;
  assert.ok(stderr.includes(`${line}\n`), stderr);
  assertBrief(stderr);
});

test('evaluate counts such items as wrong, and says how many they are', async () => {
  const { code, stdout } = await losslens([
    ...['evaluate', ...model, `--checkpoint_path=${run}`, '--dataset_split_name=train', '--json'],
  ]);
  assert.equal(code, 0);
  const { not_finite, cross_entropy } = JSON.parse(stdout);
  assert.equal(not_finite, 1);
  assert.ok(Number.isFinite(cross_entropy));
});

test('export --cleanlab refuses to write probabilities that are none, and names the item', async () => {
  const folder = join(temporaryFolder(), 'exported');
  const { code, stderr } = await losslens([
    ...['export', '--cleanlab', ...model, `--checkpoint_path=${run}`, `--export_dir=${folder}`],
  ]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^losslens: \S+model\.ckpt-4: gives NaN for item \d+ \(\S*zero\/black\.png\); expected probabilities\.$/m,
  );
  assert.ok(!existsSync(join(folder, 'pred_probs.npy')));
  assertBrief(stderr);
});
