import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { writeImageFolder } from '../../datasets/convert.ts';
import { encodePng } from '../../datasets/images/encodePng.ts';
import { readEvents } from '../../src/events/readEvents.ts';
import {
  briefly,
  losslens,
  smallNetwork,
  startLosslens,
  temporaryFolder,
  writeSmallMnist,
} from '../losslens.ts';
import { runPython, skipWithoutPython } from '../python.ts';

const data = temporaryFolder();
writeSmallMnist(data, 100, 45);
const run = join(temporaryFolder(), 'run');
/** A run's module is only run where the command line names it. */
const model = `--model_name=${smallNetwork}`;
const trained = await losslens([
  'train',
  '--engine=wasm',
  ...briefly,
  model,
  `--train_dir=${run}`,
  '--dataset_name=mnist',
  `--dataset_dir=${data}`,
  '--batch_size=10',
  '--max_number_of_epochs=2',
  '--optimizer=momentum',
  '--learning_rate_decay_type=fixed',
  '--learning_rate=0.01',
  '--moving_average_decay=0.9',
  '--ns=4',
  '--eval_interval_epochs=2',
]);
assert.equal(trained.code, 0, trained.stderr);
const checkpoint = join(run, 'model.ckpt-20');

function evaluate(...more: readonly string[]) {
  return losslens(['evaluate', '--engine=wasm', model, `--checkpoint_path=${run}`, ...more]);
}

interface EvaluationLine {
  checkpoint: string;
  step: number;
  items: number;
  accuracy: number;
  cross_entropy: number;
  classes: { class: string }[];
  confusion: number[][];
}

test('the run evaluates itself with the same summaries', () => {
  const logged = [...readEvents(join(run, 'eval'))].filter(({ values }) => values.length > 0);
  assert.deepEqual(
    logged.flatMap(({ step, values }) => values.map(({ tag }) => [step, tag])).slice(0, 6),
    [
      'eval/Accuracy',
      'eval/Recall_5',
      'eval/Cross_entropy',
      'eval/Classes',
      'eval/Confusion_matrix',
      'eval/PR/zero',
    ].map((tag) => [20, tag]),
  );
});

test('evaluate takes network and data from the run, and counts every item once', async () => {
  const { code, stdout, stderr } = await evaluate('--batch_size=20');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^class +items +precision +recall +F1 +most often taken for\nzero /);
  assert.match(stdout, /model\.ckpt-20 on 45 items of mnist test: accuracy 0\.\d{4}, recall at 5/);
  const [line] = readFileSync(join(run, 'eval/evaluations.jsonl'), 'utf8').split('\n');
  const { confusion } = JSON.parse(line!) as EvaluationLine;
  assert.equal(
    confusion.flat().reduce((a, b) => a + b),
    45,
  );
});

test('flags come before what the run had', async () => {
  const { code, stdout, stderr } = await evaluate(
    '--json',
    '--dataset_split_name=train',
    '--max_num_batches=3',
    '--batch_size=20',
  );
  assert.equal(code, 0, stderr);
  const line = JSON.parse(stdout) as EvaluationLine;
  assert.equal(line.items, 60);
  assert.equal(line.classes[6]!.class, 'six');
  // Each split has curves of its own.
  assert.ok(existsSync(join(run, 'eval_train/evaluations.jsonl')));
});

test('with --moving_average_decay the averages are evaluated', async () => {
  const [line] = readFileSync(join(run, 'eval/evaluations.jsonl'), 'utf8').split('\n');
  const own = JSON.parse(line!) as EvaluationLine;
  const { stdout } = await evaluate('--json', '--moving_average_decay=0.9');
  const averaged = JSON.parse(stdout) as EvaluationLine;
  assert.equal(averaged.items, 45);
  assert.notEqual(averaged.cross_entropy, own.cross_entropy);
});

test('a flag that cannot act is refused with the reason', async () => {
  const { code, stderr } = await evaluate('--quantize');
  assert.equal(code, 2);
  assert.match(stderr, /--quantize: .*only false is possible: quantised networks are not built/);
});

/** A folder in which a run saves its checkpoint anew under other steps. */
class FakeRun {
  readonly folder = join(temporaryFolder(), 'watched');

  save(step: number, kept: readonly number[]): void {
    mkdirSync(this.folder, { recursive: true });
    for (const file of readdirSync(this.folder)) {
      const old = /model\.ckpt-(\d+)\./.exec(file)?.[1];
      if (old !== undefined && !kept.includes(Number(old))) rmSync(join(this.folder, file));
    }
    copyFileSync(join(run, 'run.json'), join(this.folder, 'run.json'));
    for (const ending of ['data-00000-of-00001', 'index']) {
      copyFileSync(`${checkpoint}.${ending}`, join(this.folder, `model.ckpt-${step}.${ending}`));
    }
    writeFileSync(
      join(this.folder, 'checkpoint'),
      [`model_checkpoint_path: "model.ckpt-${step}"`]
        .concat([...kept, step].map((k) => `all_model_checkpoint_paths: "model.ckpt-${k}"`))
        .join('\n'),
    );
  }
}

test('--watch evaluates what appears, and goes on where it left off', async () => {
  const fake = new FakeRun();
  const watch = (signal: NodeJS.Signals, onOutput: (text: string, stop: () => void) => void) => {
    const [child, ended] = startLosslens([
      'evaluate',
      '--engine=wasm',
      model,
      `--checkpoint_path=${fake.folder}`,
      '--watch',
      '--watch_interval_secs=0.2',
      '--max_num_batches=1',
    ]);
    let seen = '';
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (text: Buffer) => {
        seen += text;
        // A second one would end it at once.
        onOutput(seen, () => child.killed || child.kill(signal));
      });
    }
    return ended;
  };
  const steps = (stdout: string) =>
    [...stdout.matchAll(/model\.ckpt-(\d+) on/g)].map(([, step]) => Number(step));

  let saved = 0;
  const first = await watch('SIGINT', (text, stop) => {
    if (saved === 0 && text.includes('waiting for a checkpoint')) {
      saved = 10;
      fake.save(10, []);
    }
    if (saved === 10 && text.includes('ckpt-10 on')) {
      saved = 20;
      fake.save(20, [10]);
    }
    if (text.includes('ckpt-20 on')) stop();
  });
  assert.equal(first.code, 130, first.stderr);
  assert.deepEqual(steps(first.stdout), [10, 20]);

  // Meanwhile the run went on: it deleted 10 and saved 30.
  fake.save(30, [20]);
  const second = await watch('SIGTERM', (text, stop) => {
    if (text.includes('ckpt-30 on')) stop();
  });
  assert.equal(second.code, 143, second.stderr);
  assert.deepEqual(steps(second.stdout), [30]);
});

test('a split that nobody named is said to be the default, where the data have none', async () => {
  const flat = temporaryFolder();
  for (const name of ['zero', 'one']) mkdirSync(join(flat, name));
  const png = await encodePng(await makeDigits('test', 1).image(0));
  for (const name of ['zero/0.png', 'one/1.png']) writeFileSync(join(flat, name), png);
  const ofFolder = ['--dataset_name=folder', `--dataset_dir=${flat}`];
  const errorOf = async (...more: readonly string[]) => {
    const { code, stderr } = await evaluate(...ofFolder, ...more);
    assert.equal(code, 2, stderr);
    return stderr.trimEnd().split('\n').at(-1);
  };
  assert.equal(
    await errorOf(),
    `losslens: --dataset_split_name: missing; by default it is test, but ${flat} has train.`,
  );
  assert.equal(
    await errorOf('--dataset_split_name=tset'),
    `losslens: --dataset_split_name: got "tset"; ${flat} has train.`,
  );
});

test('--watch needs a folder to look at', async () => {
  for (const path of [checkpoint, `${checkpoint}.index`]) {
    const { code, stderr } = await evaluate('--watch', `--checkpoint_path=${path}`);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^losslens: --watch: looks for new checkpoints in a folder, but .* is one; /,
    );
  }
});

test('SIGTERM ends an evaluation after its step, with its exit code and without a result', async () => {
  const folder = join(temporaryFolder(), 'terminated');
  const [child, ended] = startLosslens([
    ...['evaluate', '--engine=wasm', model, `--checkpoint_path=${run}`, `--eval_dir=${folder}`],
    ...['--dataset_name=digits', '--dataset_split_name=train', '--batch_size=1'],
  ]);
  // The folder is locked right before the first step.
  while (child.exitCode === null && !existsSync(join(folder, 'losslens.lock'))) await setTimeout(5);
  child.kill('SIGTERM');
  const { code, stdout, stderr } = await ended;
  assert.equal(code, 143, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^SIGTERM: stopping after this step; once more ends it at once$/m);
  assert.ok(!existsSync(folder));
});

/** Digits as files, with their labels. */
const pictures = temporaryFolder();
const digits = makeDigits('test', 6);
const files = await Promise.all(
  Array.from({ length: digits.size }, async (_, item) => {
    const path = join(pictures, `${item}.png`);
    writeFileSync(path, await encodePng(await digits.image(item)));
    return path;
  }),
);

interface PredictionLine {
  file: string;
  predictions: { class: string; label: number; probability: number }[];
}

async function predict(...more: readonly string[]) {
  return losslens(['predict', '--engine=wasm', model, `--checkpoint_path=${run}`, ...more]);
}

test('predict names the most probable classes of each file, and those it cannot read', async () => {
  const damaged = join(temporaryFolder(), 'damaged.txt');
  writeFileSync(damaged, 'no image');
  const { code, stdout, stderr } = await predict('--top_k=2', damaged, pictures, '/nowhere.png');
  assert.equal(code, 1);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, files.length);
  for (const line of lines) assert.match(line, /^.+\.png: [a-z]+ 0\.\d{4}, [a-z]+ 0\.\d{4}$/);
  assert.match(stderr, /damaged\.txt: cannot be decoded/);
  assert.match(stderr, /\/nowhere\.png: cannot be read/);
});

test('with --on_bad_item=skip what cannot be classified is named, counted and left out', async () => {
  const folder = temporaryFolder();
  copyFileSync(files[0]!, join(folder, 'b.png'));
  writeFileSync(join(folder, 'a.jpg'), '');
  mkdirSync(join(folder, 'c.png'));
  const empty = temporaryFolder();
  mkdirSync(join(empty, 'cat'));
  const [left, none] = await Promise.all([
    predict('--on_bad_item=skip', folder, empty, '/nowhere.png'),
    predict('--on_bad_item=skip', join(folder, 'a.jpg')),
  ]);
  assert.equal(left.code, 0, left.stderr);
  assert.match(left.stdout, /^\S+b\.png: [^\n]+\n$/);
  const lines = left.stderr.trimEnd().split('\n');
  assert.equal(lines.length, 4, left.stderr);
  assert.match(
    lines[0]!,
    /^losslens: .*: found no images; expected files that end in png.* such as \S+\/cat\.$/,
  );
  assert.match(lines[1]!, /^losslens: .*a\.jpg: is empty/);
  assert.match(lines[2]!, /^losslens: \/nowhere\.png: cannot be read/);
  assert.equal(lines[3], 'left out 3 of 4 files');
  assert.equal(none.code, 1);
  assert.match(none.stderr, /\ncould not classify 1 of 1 files\n$/);
});

test('what TensorFlow computes with the exported model is what predict says', {
  skip: skipWithoutPython('tensorflow', 'numpy'),
}, async () => {
  const exportDir = join(temporaryFolder(), 'models/digits/1');
  const exportArguments = [
    'export',
    model,
    `--checkpoint_path=${run}`,
    `--export_dir=${exportDir}`,
  ];
  const exported = await losslens(exportArguments);
  assert.equal(exported.code, 0, exported.stderr);
  assert.match(exported.stdout, /takes images uint8\[\?,28,28,1\] and gives/);
  assert.match(
    readFileSync(join(exportDir, 'assets.extra/labels.txt'), 'utf8'),
    /^0:zero\n1:one\n/,
  );

  const { stdout } = await predict('--json', '--top_k=10', ...files);
  const probabilities = runPython('saved_model_predict.py', exportDir, '1', ...files) as number[][];
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as PredictionLine);
  lines.forEach(({ file, predictions }, i) => {
    assert.equal(basename(file), `${i}.png`);
    assert.equal(predictions.length, 10);
    for (const { label, probability } of predictions) {
      assert.ok(Math.abs(probability - probabilities[i]![label]!) < 1e-5);
    }
  });

  const again = await losslens(exportArguments);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /--export_dir: ".*" holds a model already/);
});

test('a checkpoint without the record of its run asks for what it lacks', async () => {
  const bare = join(temporaryFolder(), 'bare');
  mkdirSync(bare);
  for (const file of ['checkpoint', 'model.ckpt-20.index', 'model.ckpt-20.data-00000-of-00001']) {
    copyFileSync(join(run, file), join(bare, file));
  }
  const args = ['predict', '--engine=wasm', `--checkpoint_path=${bare}`, files[0]!];
  const { code, stderr } = await losslens(args);
  assert.equal(code, 1);
  assert.match(stderr, /holds no run\.json, which names the classes; expected .*--dataset_name/);
  const named = await losslens([...args, model, '--dataset_name=mnist', `--dataset_dir=${data}`]);
  assert.equal(named.code, 0, named.stderr);
});

/** Of 40 digits those of two classes, as DIR/test/CLASS/NUMBER.png; the classes may be called otherwise. */
async function folderOf(names: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(temporaryFolder(), 'photos');
  await writeImageFolder(makeDigits('test', 40), { folder });
  rmSync(join(folder, 'labels.txt'));
  for (const name of readdirSync(join(folder, 'test'))) {
    const from = join(folder, 'test', name);
    if (names[name] === undefined) rmSync(from, { recursive: true });
    else renameSync(from, join(folder, 'test', names[name]));
  }
  return folder;
}

const inFolder = (folder: string) => ['--dataset_name=folder', `--dataset_dir=${folder}`];

test('data with some of the classes are evaluated and inspected by the names of these', async () => {
  const folder = await folderOf({ three: 'three', seven: 'seven' });
  const paths = ['seven', 'three'].map((name) => join(folder, 'test', name));
  const evaluated = await evaluate('--json', ...inFolder(folder));
  assert.equal(evaluated.code, 0, evaluated.stderr);
  const { items, accuracy, confusion } = JSON.parse(evaluated.stdout) as EvaluationLine;
  assert.deepEqual(
    confusion.map((row) => row.some((count) => count > 0)),
    Array.from({ length: 10 }, (_, label) => label === 3 || label === 7),
  );
  // What predict calls each file, which knows no labels.
  const predicted = await predict('--json', '--top_k=1', ...paths);
  const lines = predicted.stdout.trimEnd().split('\n');
  const right = lines.filter((line) => {
    const { file, predictions } = JSON.parse(line) as PredictionLine;
    return basename(dirname(file)) === predictions[0]!.class;
  });
  assert.equal(items, lines.length);
  assert.equal(accuracy, right.length / lines.length);
  const inspected = await losslens([
    ...['inspect', '--engine=wasm', model, `--checkpoint_path=${run}`, '--items=0'],
    ...['--dataset_split_name=test', ...inFolder(folder)],
  ]);
  assert.equal(inspected.code, 0, inspected.stderr);
  const [first] = [...lines]
    .map((line) => (JSON.parse(line) as PredictionLine).file)
    .sort((a, b) => basename(a).localeCompare(basename(b)));
  assert.match(inspected.stdout, new RegExp(`item 0: label ${basename(dirname(first!))}, `));
});

test('classes that the network does not know are named, by every command', async () => {
  const folder = await folderOf({ three: 'drei', seven: 'seven', nine: 'neun' });
  const run3 = [model, '--engine=wasm', `--checkpoint_path=${run}`, ...inFolder(folder)];
  const split = '--dataset_split_name=test';
  for (const args of [
    ['evaluate', ...run3],
    ['predict', ...run3, split, files[0]!],
    ['inspect', ...run3, split, '--items=0'],
    ['verify', ...run3, split],
  ]) {
    const { code, stderr } = await losslens(args);
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      /^losslens: folder test has items of classes that the network does not know: drei, neun; expected some of its 10: zero, one, .*nine\. .*\n$/,
    );
  }
});

test('of a bare checkpoint, both numbers of classes are named', async () => {
  const folder = await folderOf({ three: 'three', seven: 'seven' });
  const bare = join(temporaryFolder(), 'bare');
  mkdirSync(bare);
  for (const ending of ['index', 'data-00000-of-00001']) {
    copyFileSync(`${checkpoint}.${ending}`, join(bare, `model.ckpt-20.${ending}`));
  }
  const args = [
    ...[model, '--engine=wasm', `--checkpoint_path=${join(bare, 'model.ckpt-20')}`],
    ...[...inFolder(folder), '--dataset_split_name=test'],
  ];
  for (const [command, ...more] of [
    ['evaluate'],
    ['predict', files[0]!],
    ['inspect', '--items=0', '--layers=Logits'],
  ]) {
    const { code, stderr } = await losslens([command!, ...args, ...more]);
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      /it was trained for 10 classes, and is used for 2\. Name the data that .* labels\.txt of the data all classes .*\n$/,
    );
  }
});

test('data that are not what the run was trained on are said to be others', async () => {
  const changed = temporaryFolder();
  writeSmallMnist(changed, 90, 45);
  const inspect = (...more: readonly string[]) =>
    losslens([
      ...['inspect', '--engine=wasm', model, `--checkpoint_path=${run}`, '--items=0'],
      ...more,
    ]);
  const [same, other, evaluated] = await Promise.all([
    inspect(),
    inspect(`--dataset_dir=${changed}`),
    evaluate('--dataset_split_name=train', `--dataset_dir=${changed}`, '--max_num_batches=1'),
  ]);
  assert.equal(same.stderr, '');
  for (const { code, stderr } of [other, evaluated]) {
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /^mnist train is not what the run was trained on \(it has 90 items now, and had 100 then\): .*\n/,
    );
  }
});

test('no command runs the module that a run.json names', async () => {
  const ran = join(temporaryFolder(), 'ran');
  const module = join(temporaryFolder(), 'shared.mjs');
  writeFileSync(module, `import { writeFileSync } from 'node:fs'; writeFileSync('${ran}', '');`);
  const shared = new FakeRun();
  shared.save(10, []);
  const record = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8'));
  record.flags.model_name = module;
  writeFileSync(join(shared.folder, 'run.json'), JSON.stringify(record));
  copyFileSync(join(run, 'items.csv'), join(shared.folder, 'items.csv'));
  const checkpointPath = `--checkpoint_path=${shared.folder}`;
  const commands = [
    ['evaluate', checkpointPath],
    ['predict', checkpointPath, files[0]!],
    ['export', checkpointPath, `--export_dir=${join(shared.folder, 'exported')}`],
    ['inspect', checkpointPath, '--items=0'],
    ['verify', checkpointPath],
    ['review', `--train_dir=${shared.folder}`],
  ];
  for (const args of commands) {
    const { code, stderr } = await losslens(args);
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      /^losslens: --model_name: missing; .*Give --model_name=.*shared\.mjs to run/,
    );
    assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  }
  assert.ok(!existsSync(ran));
});
