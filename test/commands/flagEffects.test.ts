import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { normalizeArguments } from '../../src/commands/commandLine.ts';
import { declareExport } from '../../src/commands/export.ts';
import { expectEffects, withEffects } from '../../src/commands/flagEffects.ts';
import { addFlags } from '../../src/commands/flags.ts';
import { declareLayers } from '../../src/commands/layers.ts';
import { declarePredict } from '../../src/commands/predict.ts';
import { resolveRunFlags } from '../../src/commands/runFlags.ts';
import {
  dataFlagEffects,
  trainFlagEffects,
  undrawnDataFlagEffects,
} from '../../src/commands/trainFlagEffects.ts';
import { trainFlags } from '../../src/commands/trainFlags.ts';
import { UsageError } from '../../src/errors.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { publishedWeights } from '../../src/weights/catalogue.ts';
import { temporaryFolder } from '../losslens.ts';

/** What train says of some flags before it begins: a refusal, or warnings; empty for nothing. */
async function saidOf(...args: readonly string[]): Promise<string> {
  const command = withEffects(addFlags(new Command('train'), trainFlags), trainFlagEffects)
    .exitOverride()
    .action(() => {});
  const { write } = process.stderr;
  let said = '';
  process.stderr.write = (text) => {
    said += text;
    return true;
  };
  try {
    const normalized = normalizeArguments(args, command.options, 'losslens train');
    await command.parseAsync(normalized, { from: 'user' });
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error.message;
  } finally {
    process.stderr.write = write;
  }
  return said;
}

const inVain: Record<string, string> = {
  '--engine=wasm --gpu=0': 'has no effect with --engine=wasm, which computes on the CPU',
  '--clone_on_cpu --gpu=0': 'has no effect with --clone_on_cpu',
  '--task=1': 'has no effect without --job_name',
  '--ps_hosts=a:1': 'has no effect without --job_name',
  '--worker_replicas=2': 'has no effect without --job_name: this process trains alone',
  '--num_ps_tasks=1': 'has no effect without --job_name: this process trains alone',
  '--sync_replicas': 'has no effect without --job_name: this process trains alone',
  '--replicas_to_aggregate=2': 'has no effect without --sync_replicas',
  '--num_clones=2 --gpu=0': 'has no effect with --num_clones=2, which takes the first GPUs',
  '--validation_seed=1': 'has no effect without --validation_split',
  '--dataset_split_name=test --validation_split=0.1':
    'has no effect on the split test: it divides train into train and validation',
  '--label_noise_type=pairwise': 'has no effect without --label_noise',
  '--max_sequence_length=8': 'has no effect with --model_name=lenet, which takes images',
  '--vocabulary_size=99': 'has no effect with --model_name=lenet, which takes images',
  '--model_name=textcnn --use_grayscale':
    'has no effect with --model_name=textcnn, which takes texts',
  '--model_name=textcnn --train_image_size=9':
    'has no effect with --model_name=textcnn, which takes texts',
  '--model_name=textcnn --hm=conv3 --colormap=grey':
    'has no effect with --model_name=textcnn, which takes texts',
  '--checkpoint_exclude_scopes=LeNet/fc4': 'has no effect without --checkpoint_path',
  '--ignore_missing_vars': 'has no effect without --checkpoint_path',
  '--hs= --ns=8': 'has no effect with --hs=; expected --hs to select items',
  '--hs= --rank_by=loss': 'has no effect with --hs=; expected --hs to select items',
  '--hs= --class_quota=2': 'has no effect with --hs=; expected --hs to select items',
  '--hs= --projector_items=9': 'has no effect with --hs=; expected --hs to select items',
  '--hs= --hm=pool1': 'has no effect with --hs=; expected --hs to select items',
  '--max_monitored_items=3': 'has no effect without --hm, the layers whose maps are shown',
  '--monitor_overlay': 'has no effect without --hm, the layers whose maps are shown',
  '--color_scale=run': 'has no effect without --hm, the layers whose maps are shown',
  '--colormap=grey': 'has no effect without --hm, the layers whose maps are shown',
  '--view_scale=2': 'has no effect without --hm, the layers whose maps are shown',
  '--eval_split_name=test': 'has no effect without --eval_interval_epochs',
};

for (const [line, reason] of Object.entries(inVain)) {
  const args = line.split(' ');
  const name = args.at(-1)!.split('=')[0]!;
  test(`train refuses ${line}`, async () => {
    assert.equal(await saidOf(...args), `${name}: ${reason}.`);
  });
}

test('flags that lack the same are refused in one line', async () => {
  assert.match(
    await saidOf('--hs=', '--ns=8', '--rank_by=loss'),
    /^--ns, --rank_by: have no effect/,
  );
});

test('flags have their effect with what they need', async () => {
  for (const line of [
    '--validation_split=0.1 --validation_seed=1',
    '--dataset_split_name=validation --validation_split=0.1',
    '--dataset_split_name=test --validation_split=0.1 --eval_interval_epochs=1 --eval_split_name=validation',
    '--gpu=0',
    '--engine=wasm --gpu=auto',
    '--label_noise=0.1 --label_noise_type=pairwise',
    // The end of a sweep.
    '--label_noise=0 --label_noise_type=pairwise',
    '--model_name=textcnn --max_sequence_length=8 --vocabulary_size=99',
    '--use_grayscale --train_image_size=28',
    '--checkpoint_path=runs --checkpoint_exclude_scopes=LeNet/fc4 --ignore_missing_vars',
    '--ns=8 --rank_by=loss --class_quota=2 --projector_items=9',
    '--hm=pool1 --max_monitored_items=3 --monitor_overlay --color_scale=run --colormap=grey',
    '--eval_interval_epochs=1 --eval_split_name=test',
    '--job_name=worker --task=1 --worker_hosts=a:1,b:1 --ps_hosts=c:1 --cluster_timeout_secs=9',
    '--job_name=ps --ps_hosts=c:1 --worker_replicas=2 --num_ps_tasks=1 --sync_replicas --replicas_to_aggregate=2',
    '--worker_replicas=1 --num_ps_tasks=0 --replicas_to_aggregate=1 --nosync_replicas',
  ]) {
    assert.equal(await saidOf(...line.split(' ')), '', line);
  }
});

test('as many gradients as workers are expected without parameter servers, by flags and by TF_CONFIG', async () => {
  const worker = ['a:1', 'b:1'];
  const { TF_CONFIG: before } = process.env;
  const saidWith = async (cluster: object, ...flags: string[]) => {
    process.env['TF_CONFIG'] = JSON.stringify({ cluster, task: { type: 'worker', index: 0 } });
    return saidOf('--replicas_to_aggregate=2', ...flags);
  };
  try {
    assert.equal(await saidWith({ worker }), '');
    assert.equal(await saidWith({}, '--job_name=worker', `--worker_hosts=${worker}`), '');
    const inVain = '--replicas_to_aggregate: has no effect without --sync_replicas.';
    assert.equal(await saidWith({ worker, ps: ['c:1'] }), inVain);
    const servers = ['--job_name=worker', `--worker_hosts=${worker}`, '--ps_hosts=c:1'];
    assert.equal(await saidWith({}, ...servers), inVain);
    const three = { worker: [...worker, 'd:1'] };
    assert.match(await saidWith(three), /^--replicas_to_aggregate: got 2; expected 3, /);
  } finally {
    if (before === undefined) delete process.env['TF_CONFIG'];
    else process.env['TF_CONFIG'] = before;
  }
});

test('a flag that asks for nothing is not in vain', async () => {
  assert.equal(await saidOf('--hs=', '--projector_items=0', '--hm=', '--nomonitor_overlay'), '');
});

test('defaults are not taken for flags', async () => {
  assert.equal(await saidOf(), '');
  assert.equal(await saidOf('--model_name=textcnn', '--hs='), '');
});

test('settings of other optimizers and schedules are told and taken, as TF-Slim takes them', async () => {
  const warned: Record<string, RegExp> = {
    '--momentum=0.9': /^losslens: --momentum: has no effect with --optimizer=rmsprop\n$/,
    '--optimizer=sgd --opt_epsilon=1': /^losslens: --opt_epsilon: .* --optimizer=sgd\n$/,
    '--optimizer=sgd --rmsprop_decay=0.9 --rmsprop_momentum=0.9':
      /^losslens: --rmsprop_momentum, --rmsprop_decay: have no effect with --optimizer=sgd\n$/,
    '--adam_beta1=0.8': /^losslens: --adam_beta1: .* --optimizer=rmsprop\n$/,
    '--adadelta_rho=0.8': /^losslens: --adadelta_rho: .* --optimizer=rmsprop\n$/,
    '--adagrad_initial_accumulator_value=1': /^losslens: --adagrad_initial_accumulator_value: /,
    '--ftrl_l1=1 --ftrl_l2=1': /^losslens: --ftrl_l1, --ftrl_l2: .* --optimizer=rmsprop\n$/,
    '--learning_rate_decay_type=fixed --learning_rate_decay_factor=0.9':
      /^losslens: --learning_rate_decay_factor: .* --learning_rate_decay_type=fixed\n$/,
    '--learning_rate_decay_type=fixed --num_epochs_per_decay=2':
      /^losslens: --num_epochs_per_decay: .* --learning_rate_decay_type=fixed\n$/,
    '--end_learning_rate=0.1':
      /^losslens: --end_learning_rate: .* --learning_rate_decay_type=exponential\n$/,
  };
  for (const [line, message] of Object.entries(warned)) {
    assert.match(await saidOf(...line.split(' ')), message, line);
  }
  const own = [
    '--optimizer=adam',
    '--adam_beta1=0.8',
    '--opt_epsilon=1',
    '--end_learning_rate=0.1',
  ];
  assert.equal(await saidOf(...own, '--learning_rate_decay_type=polynomial'), '');
});

test('commands that look at a run refuse what has no effect on it', async () => {
  const folder = temporaryFolder();
  await assert.rejects(
    resolveRunFlags(folder, { validation_seed: 2 }),
    /--validation_seed: has no effect without --validation_split\./,
  );
  await assert.rejects(
    resolveRunFlags(folder, { max_sequence_length: 8 }),
    /--max_sequence_length: has no effect with --model_name=lenet, which takes images\./,
  );
  const flags = await resolveRunFlags(folder, { validation_split: 0.1, validation_seed: 2 });
  assert.equal(flags.validation_seed, 2);
});

test('a seed has no effect on a command that draws labels alone, unless it draws some', async () => {
  const folder = temporaryFolder();
  const resolve = (given: Parameters<typeof resolveRunFlags>[1]) =>
    resolveRunFlags(folder, given, true, undrawnDataFlagEffects);
  await assert.rejects(resolve({ seed: 7 }), /--seed: has no effect without --label_noise, which/);
  assert.equal((await resolve({ seed: 7, label_noise: 0.1 })).seed, 7);
  // It draws the batches of verify.
  assert.equal((await resolveRunFlags(folder, { seed: 7 })).seed, 7);
});

test('predict and export refuse what chooses classes where the run names them', async () => {
  for (const declare of [declarePredict, declareExport]) {
    const command = new Command();
    declare(command);
    for (const flag of ['--labels_offset=1', '--dataset_split_name=foo']) {
      await assert.rejects(
        command.exitOverride().allowExcessArguments().parseAsync([flag, 'x.png'], { from: 'user' }),
        /: has no effect without --dataset_name or --dataset_dir: the run names the classes\./,
      );
    }
  }
});

test('images of layers are grey or in colour', async () => {
  const command = new Command();
  declareLayers(command);
  await assert.rejects(
    command.exitOverride().parseAsync(['--image_channels=2'], { from: 'user' }),
    /--image_channels: got "2"; expected 1 \(grey\) or 3 \(colour\)\./,
  );
});

test('the module of a run is not loaded to see what its flags do', async () => {
  const defaults = await resolveRunFlags(undefined, {});
  const flags = { ...defaults, model_name: '/missing.mjs', max_sequence_length: 8 };
  const check = (given: readonly string[]) =>
    expectEffects(dataFlagEffects, flags, (name) => given.includes(name));
  await check(['max_sequence_length']);
  await assert.rejects(
    check(['max_sequence_length', 'model_name']),
    /found no file \/missing\.mjs/,
  );
});

/** The lines of `losslens train` in a page, those that go on after a backslash joined. */
function trainLines(page: string): string[] {
  const joined = page.replaceAll(/\\\n\s*/g, '');
  return [...joined.matchAll(/^ *losslens (train .*)$/gm)].map(([, line]) => line!);
}

/** A home with all published weights, as far as their names go. */
function homeWithWeights(): string {
  const home = temporaryFolder();
  for (const name of publishedWeights.keys()) {
    const folder = join(home, 'weights', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'weights.json'), '{}');
  }
  return home;
}

test('the commands of README, docs and npm start give no flag in vain', async (t) => {
  const { LOSSLENS_HOME } = process.env;
  t.after(() => {
    if (LOSSLENS_HOME === undefined) delete process.env['LOSSLENS_HOME'];
    else process.env['LOSSLENS_HOME'] = LOSSLENS_HOME;
  });
  process.env['LOSSLENS_HOME'] = homeWithWeights();
  const { scripts } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const docs = readdirSync(join(packageRoot, 'docs')).filter((name) => name.endsWith('.md'));
  const pages = ['README.md', ...docs.map((name) => join('docs', name))];
  const lines = pages.flatMap((page) => trainLines(readFileSync(join(packageRoot, page), 'utf8')));
  lines.push(scripts['start']!.replace(/^.*(?=train )/, ''));
  assert.ok(lines.length > 8, String(lines.length));
  for (const line of lines) {
    const flags = line
      .replace(/#.*/, '')
      // Weights that are named have to be on this machine.
      .replace(/(--checkpoint_path=)(\w+)(?= |$)/, '$1weights/$2')
      .split(' ')
      .filter((word) => word.startsWith('--'));
    assert.ok(flags.length > 0, line);
    assert.equal(await saidOf(...flags), '', line);
  }
});
