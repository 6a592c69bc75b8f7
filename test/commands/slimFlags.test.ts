import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { writeTfrecords } from '../../datasets/convert.ts';
import { normalizeArguments } from '../../src/commands/commandLine.ts';
import { addFlags } from '../../src/commands/flags.ts';
import { trainFlags } from '../../src/commands/trainFlags.ts';
import { UsageError } from '../../src/errors.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { cifarRecord } from '../datasets/makeFiles.ts';
import { losslens, temporaryFolder } from '../losslens.ts';

/** Every flag of TF-Slim's train_image_classifier with a value that means the same here. */
const slimFlags: Readonly<Record<string, string>> = {
  master: '',
  train_dir: '/tmp/tfmodel/',
  warmup_epochs: '0',
  num_clones: '1',
  clone_on_cpu: 'false',
  worker_replicas: '1',
  num_ps_tasks: '0',
  num_readers: '4',
  num_preprocessing_threads: '4',
  log_every_n_steps: '10',
  save_summaries_secs: '600',
  save_interval_secs: '600',
  task: '0',
  weight_decay: '0.00004',
  optimizer: 'rmsprop',
  adadelta_rho: '0.95',
  adagrad_initial_accumulator_value: '0.1',
  adam_beta1: '0.9',
  adam_beta2: '0.999',
  opt_epsilon: '1.0',
  ftrl_learning_rate_power: '-0.5',
  ftrl_initial_accumulator_value: '0.1',
  ftrl_l1: '0.0',
  ftrl_l2: '0.0',
  momentum: '0.9',
  rmsprop_momentum: '0.9',
  rmsprop_decay: '0.9',
  quantize_delay: '-1',
  learning_rate_decay_type: 'exponential',
  learning_rate: '0.01',
  end_learning_rate: '0.0001',
  label_smoothing: '0.0',
  learning_rate_decay_factor: '0.94',
  num_epochs_per_decay: '2.0',
  sync_replicas: 'false',
  replicas_to_aggregate: '1',
  moving_average_decay: '0.9999',
  dataset_name: 'imagenet',
  dataset_split_name: 'train',
  dataset_dir: '/tmp/imagenet',
  labels_offset: '1',
  model_name: 'resnet_v1_50',
  preprocessing_name: 'vgg',
  batch_size: '32',
  train_image_size: '224',
  max_number_of_steps: '100000',
  use_grayscale: 'false',
  checkpoint_path: '/tmp/checkpoints',
  checkpoint_exclude_scopes: 'resnet_v1_50/logits',
  trainable_scopes: 'resnet_v1_50/logits',
  ignore_missing_vars: 'true',
};

function parse(...args: string[]): Record<string, unknown> {
  const command = addFlags(new Command(), trainFlags).exitOverride();
  const normalized = normalizeArguments(args, command.options, 'losslens train');
  return command.parse(normalized, { from: 'user' }).opts();
}

test('every flag of TF-Slim’s trainer is known', () => {
  const values = parse(...Object.entries(slimFlags).map(([name, value]) => `--${name}=${value}`));
  for (const name of Object.keys(slimFlags)) assert.ok(name in values, name);
  assert.equal(values['labels_offset'], 1);
  assert.deepEqual(values['trainable_scopes'], ['resnet_v1_50/logits']);
});

test('flags that have nothing to act on are refused at other values, with the reason', () => {
  const refused = {
    master: 'grpc://somewhere',
    worker_replicas: '2',
    num_ps_tasks: '1',
    task: '1',
    sync_replicas: 'true',
    replicas_to_aggregate: '2',
    quantize_delay: '100',
  };
  for (const [name, value] of Object.entries(refused)) {
    assert.throws(
      () => parse(`--${name}=${value}`),
      (error) => {
        assert.ok(error instanceof UsageError, name);
        assert.match(
          error.message,
          new RegExp(`^--${name}: got "${value}"; only .* is possible: `),
        );
        return true;
      },
    );
  }
});

test('docs/tf-slim.md says of each flag how it compares', () => {
  const page = readFileSync(join(packageRoot, 'docs/tf-slim.md'), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  for (const name of Object.keys(slimFlags)) {
    assert.ok(
      rows.some((row) => row.split('|')[1]!.includes(`\`${name}\``)),
      `--${name} is not in the table`,
    );
  }
});

/** Some digits as the TFRecords that TF-Slim's converter makes of MNIST. */
async function writeSlimMnist(folder: string): Promise<void> {
  await writeTfrecords({ ...makeDigits('train', 100), name: 'mnist' }, { folder, numShards: 1 });
}

test('the sample line for LeNet trains as it is, on TF-Slim’s own records', async () => {
  const data = temporaryFolder();
  await writeSlimMnist(data);
  const trainDir = join(temporaryFolder(), 'lenet-model');
  const { code, stderr } = await losslens([
    'train',
    `--train_dir=${trainDir}`,
    '--dataset_name=mnist',
    '--dataset_split_name=train',
    `--dataset_dir=${data}`,
    '--model_name=lenet',
    '--preprocessing_name=lenet',
    // Of the sample's 20,000, as many as a test has time for.
    '--max_number_of_steps=2',
    '--batch_size=50',
    '--learning_rate=0.01',
    '--save_interval_secs=60',
    '--save_summaries_secs=60',
    '--log_every_n_steps=100',
    '--optimizer=sgd',
    '--learning_rate_decay_type=fixed',
    '--weight_decay=0',
    '--hs=Logits',
    '--ns=8',
    '--hm=pool1,pool2',
    '--projector_items=8',
    '--engine=wasm',
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /done after 2 steps/);
});

test('the sample line for cifarnet trains in grey, too', async () => {
  const data = temporaryFolder();
  for (const batch of [1, 2, 3, 4, 5]) {
    const records = [2 * batch - 2, 2 * batch - 1].map(cifarRecord);
    writeFileSync(join(data, `data_batch_${batch}.bin`), Buffer.concat(records));
  }
  const trainDir = join(temporaryFolder(), 'cifarnet-model');
  const { code, stderr } = await losslens([
    'train',
    `--train_dir=${trainDir}`,
    '--dataset_name=cifar10',
    `--dataset_dir=${data}`,
    '--dataset_split_name=train',
    '--model_name=cifarnet',
    '--preprocessing_name=cifarnet',
    '--use-grayscale',
    '--max_number_of_steps=1',
    '--batch_size=8',
    '--save_interval_secs=120',
    '--save_summaries_secs=120',
    '--log_every_n_steps=100',
    '--optimizer=sgd',
    '--learning_rate=0.1',
    '--learning_rate_decay_factor=0.1',
    '--num_epochs_per_decay=200',
    '--weight_decay=0.004',
    '--hs=Logits',
    '--ns=8',
    '--hm=pool1,pool2',
    '--projector_items=8',
    '--engine=wasm',
    '--noclone_on_cpu',
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /done after 1 steps/);
});
