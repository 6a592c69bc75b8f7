import assert from 'node:assert/strict';
import { existsSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { digestOf } from '../../datasets/dataDigest.ts';
import { inMemory } from '../../datasets/inMemory.ts';
import { saveCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import type { CheckpointTensor } from '../../src/checkpoint/tensorBundle.ts';
import { UserError } from '../../src/errors.ts';
import { initialValues } from '../../src/model/initialValues.ts';
import { averageName } from '../../src/model/movingAverages.ts';
import { readRunRecord, writeRunRecord } from '../../src/runFiles/runRecord.ts';
import { type RunState, stateVersion } from '../../src/training/checkpointing.ts';
import type { RunOptions, StartingPointOptions } from '../../src/training/runOptions.ts';
import { findStartingPoint } from '../../src/training/startingPoint.ts';
import { temporaryFolder } from '../losslens.ts';
import { tinyTrainingGraph } from '../model/tinyNetwork.ts';
import { plainSgd } from '../model/trainingSession.ts';
import { runPython, skipWithoutPython } from '../python.ts';

const graph = tinyTrainingGraph({
  optimizer: { ...plainSgd, optimizer: 'momentum' },
  movingAverages: true,
});
const initial = initialValues(graph.variables, 3);

/** Flags that matter here, and any others. */
type Given = Partial<RunOptions>;

function options(more: Given = {}): StartingPointOptions {
  return {
    train_dir: temporaryFolder(),
    checkpoint_path: undefined,
    checkpoint_exclude_scopes: [],
    ignore_missing_vars: false,
    trainable_scopes: [],
    batch_size: 4,
    worker_hosts: [],
    num_clones: 1,
    seed: 3,
    ...more,
  };
}

const data = {
  ...inMemory({
    name: 'made',
    split: 'train',
    classNames: ['ape', 'bee'],
    imageShape: [1, 1, 1],
    labels: new Uint8Array(100),
    pixels: new Uint8Array(100),
  }),
  items: Uint32Array.of(0, 1, 3),
};

/** What a run begins with, and its values. */
async function startOf(more: Given, { classNames } = data) {
  const all = options(more);
  const record = await readRunRecord(all.train_dir);
  const start = await findStartingPoint(all, graph, { ...data, classNames }, record);
  return { ...start, values: start.values() };
}

/** A checkpoint whose variables count from 1000·i; some may be left out or have another shape. */
async function otherCheckpoint(
  keep: (name: string) => boolean = () => true,
  shapes: Readonly<Record<string, readonly number[]>> = {},
): Promise<string> {
  const folder = temporaryFolder();
  const tensors = new Map<string, CheckpointTensor>();
  graph.modelVariables.forEach(({ name, shape }, i) => {
    if (!keep(name)) return;
    const of = shapes[name] ?? shape;
    const size = of.reduce((a, b) => a * b, 1);
    tensors.set(name, {
      shape: of,
      data: Float32Array.from({ length: size }, (_, k) => 1000 * i + k),
    });
  });
  tensors.set('Tiny/conv1/weights/Momentum', { shape: [], data: Float32Array.of(1) });
  tensors.set('global_step', { shape: [], data: BigInt64Array.of(50n) });
  await saveCheckpoint(folder, 50, tensors, 5);
  return folder;
}

test('a new run begins at step 0 with initial weights, and averages at them', async () => {
  const { step, values, messages } = await startOf({});
  assert.equal(step, 0);
  assert.deepEqual(messages, []);
  for (const { name } of graph.modelVariables) {
    assert.deepEqual(values[name], initial[name]);
    assert.deepEqual(values[averageName(name)], initial[name]);
  }
});

test('a new run that trains some layers says that the others stay random', async () => {
  const said = async (trainable_scopes: string[]) => (await startOf({ trainable_scopes })).messages;
  assert.deepEqual(await said(['head']), [
    '--trainable_scopes: without --checkpoint_path 5 of 7 variables stay as they are drawn at random, such as Tiny/conv1/weights',
  ]);
  assert.deepEqual(await said(['Tiny']), []);
  const checkpoint_path = await otherCheckpoint();
  const { messages } = await startOf({ checkpoint_path, trainable_scopes: ['head'] });
  assert.deepEqual(messages, [
    `starting from 9 of 9 variables of ${checkpoint_path}/model.ckpt-50`,
  ]);
});

test('--checkpoint_path gives the network’s variables, but neither slots nor the step', async () => {
  const folder = await otherCheckpoint();
  for (const checkpoint_path of [folder, join(folder, 'model.ckpt-50')]) {
    const { step, values, state, messages } = await startOf({ checkpoint_path });
    assert.equal(step, 0);
    assert.equal(state, undefined);
    assert.match(messages.join('\n'), /starting from 9 of 9 variables of .*model\.ckpt-50/);
    graph.modelVariables.forEach(({ name }, i) => {
      assert.equal(values[name]!.data[1], 1000 * i + 1, name);
      assert.deepEqual(values[averageName(name)], values[name]);
    });
    assert.ok(values['Tiny/conv1/weights/Momentum']!.data.every((value) => value === 0));
  }
});

test('where a run that goes on deletes the checkpoint before it is read, its next one gives the variables', async (t) => {
  const checkpoint_path = await otherCheckpoint();
  const { readFile } = fsPromises;
  const restore = () => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  };
  t.after(restore);
  const next = new Map<string, CheckpointTensor>();
  for (const [name, { data, shape }] of Object.entries(initial)) {
    next.set(name, { shape, data: Float32Array.from(data) });
  }
  t.mock.method(fsPromises, 'readFile', async (...args: Parameters<typeof readFile>) => {
    const content = await readFile(...args);
    if (String(args[0]).endsWith('model.ckpt-50.index')) {
      restore();
      await saveCheckpoint(checkpoint_path, 60, next, 1);
    }
    return content;
  });
  syncBuiltinESMExports();
  const { values, messages } = await startOf({ checkpoint_path });
  assert.match(messages.join('\n'), /starting from 9 of 9 variables of .*model\.ckpt-60/);
  for (const { name } of graph.modelVariables) assert.deepEqual(values[name], initial[name]);
});

test('excluded scopes are prefixes of names', async () => {
  const checkpoint_path = await otherCheckpoint((name) => !name.startsWith('Tiny/logits'));
  const { values } = await startOf({
    checkpoint_path,
    checkpoint_exclude_scopes: ['Tiny/log', 'Tiny/conv1/BatchNorm/gamma'],
  });
  assert.equal(values['Tiny/conv2/biases']!.data[1]! % 1000, 1);
  for (const name of ['Tiny/logits/weights', 'Tiny/logits/biases', 'Tiny/conv1/BatchNorm/gamma']) {
    assert.deepEqual(values[name], initial[name]);
  }
});

test('missing variables are an error, and begun anew with --ignore_missing_vars', async () => {
  const checkpoint_path = await otherCheckpoint((name) => name !== 'Tiny/conv2/biases');
  await assert.rejects(startOf({ checkpoint_path }), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /holds no variable Tiny\/conv2\/biases.*--ignore_missing_vars/);
    return true;
  });
  const { values, messages } = await startOf({ checkpoint_path, ignore_missing_vars: true });
  assert.match(messages.join('\n'), /starting from 8 of 9 .*\n.*begun anew: Tiny\/conv2\/biases/);
  assert.deepEqual(values['Tiny/conv2/biases'], initial['Tiny/conv2/biases']);
  assert.equal(values['Tiny/conv2/weights']!.data[1]! % 1000, 1);
});

test('another shape is an error even so, and says which flag leaves the variable out', async () => {
  const checkpoint_path = await otherCheckpoint(() => true, { 'Tiny/logits/biases': [1000] });
  await assert.rejects(
    startOf({ checkpoint_path, ignore_missing_vars: true }),
    /holds Tiny\/logits\/biases of \[1000\]; this network has \[10\].*--checkpoint_exclude_scopes/,
  );
});

test('the head of a checkpoint for other classes is left out, and said', async () => {
  const { shape } = graph.modelVariables.find(({ name }) => name === 'Tiny/logits/weights')!;
  const checkpoint_path = await otherCheckpoint(() => true, {
    'Tiny/logits/weights': [shape[0]!, 1000],
    'Tiny/logits/biases': [1000],
  });
  const tenClasses = { ...data, classNames: [...'abcdefghij'] };
  const { values, messages } = await startOf({ checkpoint_path }, tenClasses);
  assert.match(messages[0]!, /starting from 7 of 9 variables/);
  assert.equal(
    messages[1],
    'begun anew, because it has them for 1000 classes and the data for 10: Tiny/logits',
  );
  for (const name of ['Tiny/logits/weights', 'Tiny/logits/biases']) {
    assert.deepEqual(values[name], initial[name]);
  }
  assert.equal(values['Tiny/conv2/biases']!.data[1]! % 1000, 1);
});

test('a layer that differs in more than its classes is no head', async () => {
  const checkpoint_path = await otherCheckpoint(() => true, {
    'Tiny/logits/weights': [7, 1000],
    'Tiny/logits/biases': [1000],
  });
  await assert.rejects(
    startOf({ checkpoint_path }, { ...data, classNames: [...'abcdefghij'] }),
    /holds Tiny\/logits\/weights of \[7, ?1000\]/,
  );
});

test('a checkpoint of another network is said to be one', async () => {
  const folder = temporaryFolder();
  const weights = { shape: [1], data: Float32Array.of(1) };
  await saveCheckpoint(folder, 0, new Map([['Other/conv1/weights', weights]]), 1);
  await assert.rejects(startOf({ checkpoint_path: folder }), {
    name: 'UsageError',
    message:
      /^--checkpoint_path: .*model\.ckpt-0 holds no variable of the network, such as Tiny\/conv1\/weights, but Other\/conv1\/weights and others; expected the weights of the network that --model_name names\.$/,
  });
});

test('nothing left to restore is an error', async () => {
  const checkpoint_path = await otherCheckpoint();
  await assert.rejects(
    startOf({ checkpoint_path, checkpoint_exclude_scopes: ['Tiny'] }),
    /--checkpoint_exclude_scopes: got "Tiny"/,
  );
});

/** A folder with a checkpoint of this run after so many steps. */
async function begunRun(
  more: Partial<RunState> = {},
  folder = temporaryFolder(),
  step = 7,
): Promise<string> {
  const own = { batchSize: 4, seed: 3, sourceSize: 100, dataDigest: digestOf(data), inSitu: null };
  const state = JSON.stringify({ version: stateVersion, ...own, ...more });
  const json = new Uint8Array(Buffer.from(state));
  const tensors = new Map<string, CheckpointTensor>(Object.entries(initial));
  tensors.set('global_step', { shape: [], data: BigInt64Array.of(BigInt(step)) });
  tensors.set('losslens/state', { shape: [json.length], data: json });
  await saveCheckpoint(folder, step, tensors, 5);
  return folder;
}

test('a run that was begun goes on, whatever --checkpoint_path says', async () => {
  const train_dir = await begunRun();
  const checkpoint_path = await otherCheckpoint();
  const { step, values, messages } = await startOf({ train_dir, checkpoint_path });
  assert.equal(step, 7);
  assert.deepEqual(values, initial);
  assert.match(messages[0]!, /resuming .*model\.ckpt-7/);
  assert.match(messages[1]!, /--checkpoint_path is ignored/);
});

test('of a state in the form of another version the weights are taken, and it is said', async () => {
  const train_dir = await begunRun({ version: stateVersion - 1 } as Partial<RunState>);
  const { step, state, messages } = await startOf({ train_dir });
  assert.equal(step, 7);
  assert.equal(state, undefined);
  assert.match(messages.join('\n'), /no selection and scores of this version/);
});

/** The record of a run that was begun with some flags. */
const record = (train_dir: string, flags: object, classes: readonly string[] = data.classNames) =>
  writeRunRecord(train_dir, {
    step: 0,
    flags: { ...flags },
    engine: { name: '', reason: '' },
    precision: { computeType: 'float32', reason: '' },
    dataset: { name: 'folder', split: 'train', items: 3, classes },
  });

test('a run goes on with its batch size, order and data alone', async () => {
  const refused = async (state: Partial<RunState>, message: RegExp) =>
    assert.rejects(startOf({ train_dir: await begunRun(state) }), message);
  await refused(
    { batchSize: 8 },
    /model\.ckpt-7, 7 steps, cannot go on with steps of 4 items by --batch_size and --num_clones \(were 8\);/,
  );
  await refused({ seed: 4 }, /cannot go on with --seed=3 \(was 4\);/);
  await refused({ sourceSize: 99 }, /cannot go on with data of 100 items \(were 99\);/);
  const relabelled = { ...data, labels: new Uint8Array(100).fill(1, 3, 4) };
  await refused({ dataDigest: digestOf(relabelled) }, /cannot go on with other items or labels;/);
  const dropped = { ...data, items: Uint32Array.of(0, 1) };
  await refused({ dataDigest: digestOf(dropped) }, /cannot go on with other items or labels;/);
});

test('labels that are others are those of a file that may have been edited, where its name is the same', async () => {
  const train_dir = await begunRun({ dataDigest: digestOf({ ...data, items: Uint32Array.of(0) }) });
  await record(train_dir, { labels_file: '/data/labels.csv' });
  await assert.rejects(
    startOf({ train_dir, labels_file: '/data/labels.csv' }),
    /cannot go on with other items or labels \(has --labels_file=\/data\/labels\.csv changed\?\);/,
  );
  await assert.rejects(
    startOf({ train_dir, labels_file: '/data/new.csv' }),
    /with other items or labels, --labels_file=\/data\/new\.csv \(was \/data\/labels\.csv\);/,
  );
});

test('a checkpoint that does not fit is refused as other flags are, where no record tells them', async () => {
  const train_dir = await begunRun();
  rmSync(join(train_dir, 'run.json'), { force: true });
  const { variables } = tinyTrainingGraph({
    optimizer: { ...plainSgd, optimizer: 'adam' },
    movingAverages: true,
  });
  await assert.rejects(
    findStartingPoint(options({ train_dir }), { ...graph, variables }, data, undefined),
    {
      name: 'UsageError',
      message: /holds no variable .*\. A run goes on with the network, optimizer, /,
    },
  );
});

test('a checkpoint that holds more than the run has is refused, too: it is of another optimizer', async () => {
  const train_dir = await begunRun();
  rmSync(join(train_dir, 'run.json'), { force: true });
  const { variables } = tinyTrainingGraph({ optimizer: plainSgd, movingAverages: true });
  await assert.rejects(
    findStartingPoint(options({ train_dir }), { ...graph, variables }, data, undefined),
    {
      name: 'UsageError',
      message:
        /model\.ckpt-7: holds the variable Tiny\/.*\/Momentum, which this run has not\. A run goes on with the network, optimizer, /,
    },
  );
});

test('all that makes a run another one is named at once, with what it was before', async () => {
  const dropped = { ...data, items: Uint32Array.of(0, 1) };
  const train_dir = await begunRun({ batchSize: 8, dataDigest: digestOf(dropped) });
  const flags = {
    ...{
      model_name: 'lenet',
      optimizer: 'adam',
      trainable_scopes: ['head'],
      batch_size: 8,
      seed: 3,
    },
    ...{ labels_file: '/data/labels.csv', label_noise: 0.1, learning_rate: 1 },
  };
  await record(train_dir, flags, ['ape', 'cat']);
  const now = {
    ...{ train_dir, model_name: 'cifarnet', optimizer: 'sgd', trainable_scopes: [], batch_size: 4 },
    ...{ labels_file: undefined, label_noise: 0.1, learning_rate: 2, moving_average_decay: 0.9 },
  };
  await assert.rejects(startOf(now), {
    name: 'UsageError',
    message: `--train_dir: the run of ${train_dir}/model.ckpt-7, 7 steps, cannot go on with ${[
      ...['--model_name=cifarnet (was lenet)', '--optimizer=sgd (was adam)'],
      ...['no --trainable_scopes (was head)', '--moving_average_decay=0.9 (was none)'],
      ...[
        'steps of 4 items by --batch_size and --num_clones (were 8)',
        'other items or labels',
        'no --labels_file (was /data/labels.csv)',
      ],
      'class 1 bee (was cat)',
    ].join(
      ', ',
    )}; expected what was there before. Give that, or another --train_dir and this one as --checkpoint_path.`,
  });
});

test('other flags hold from the next step on, and are said', async () => {
  const train_dir = await begunRun();
  const flags = {
    ...{ learning_rate: 0.1, hm: ['conv1', 'conv2'], ns: 8, dataset_dir: '/data/old' },
    ...{ batch_size: 4, num_clones: 1 },
  };
  await record(train_dir, {
    ...flags,
    train_dir: '/elsewhere',
    checkpoint_path: '/weights',
    seed: 3,
  });
  assert.deepEqual((await startOf({ train_dir, ...flags })).messages, [
    `resuming ${train_dir}/model.ckpt-7`,
  ]);
  const now = { learning_rate: 0.01, hm: [], ns: 8, dataset_dir: '/data/new', class_quota: 2 };
  assert.deepEqual((await startOf({ train_dir, ...now })).messages, [
    `resuming ${train_dir}/model.ckpt-7`,
    'other flags from here on: --dataset_dir=/data/new (was /data/old), --learning_rate=0.01 (was 0.1), --class_quota=2 (was none), no --hm (was conv1,conv2)',
  ]);
});

test('where no record tells the flags before, none is said to be another one', async () => {
  const train_dir = await begunRun();
  const now = { dataset_dir: 'data', labels_file: '../labels.csv', learning_rate: 0.01 };
  assert.deepEqual((await startOf({ train_dir, ...now })).messages, [
    `resuming ${train_dir}/model.ckpt-7`,
  ]);
});

test('the module of a network may lie elsewhere when the run goes on', async () => {
  const train_dir = await begunRun();
  const own = join(train_dir, 'own.js');
  writeFileSync(own, '');
  await record(train_dir, { model_name: own });
  assert.equal((await startOf({ train_dir, model_name: '/moved/own.js' })).step, 7);
  await assert.rejects(
    startOf({ train_dir, model_name: './other.js' }),
    /cannot go on with --model_name=\.\/other\.js \(was .*own\.js\);/,
  );
});

test('checkpoints that no file lists are not passed over', async () => {
  const train_dir = await begunRun();
  rmSync(join(train_dir, 'checkpoint'));
  await assert.rejects(
    startOf({ train_dir }),
    /--train_dir: ".*" holds model\.ckpt-7, but no file "checkpoint".* write the line model_checkpoint_path: "model\.ckpt-7"/,
  );
});

test('a run whose checkpoints are gone is not begun anew over its files', async () => {
  const train_dir = await begunRun();
  rmSync(join(train_dir, 'model.ckpt-7.index'));
  await assert.rejects(
    startOf({ train_dir }),
    /--train_dir: the file "checkpoint" of ".*" names model\.ckpt-7, but .*model\.ckpt-7\.index is not there/,
  );
});

test('of a damaged checkpoint the one before is named, and gone on from as the message says', async () => {
  const train_dir = await begunRun({}, await begunRun(), 9);
  const latest = join(train_dir, 'model.ckpt-9');
  truncateSync(`${latest}.data-00000-of-00001`, 40);
  const message =
    /the file ends; .* To go on from .*model\.ckpt-7, move .*model\.ckpt-9\.index away\./;
  await assert.rejects(startOf({ train_dir }), message);
  rmSync(`${latest}.index`);
  const { step, messages } = await startOf({ train_dir });
  assert.equal(step, 7);
  assert.match(messages[1]!, /"checkpoint" names model\.ckpt-9, but .*9\.index is not there/);
  truncateSync(join(train_dir, 'model.ckpt-7.index'), 10);
  await assert.rejects(startOf({ train_dir }), /model\.ckpt-7\.index.* There is none before it/);
});

test('of a checkpoint that is named by hand, and gone, no order of steps is made up', async () => {
  const train_dir = await begunRun();
  writeFileSync(
    join(train_dir, 'checkpoint'),
    'model_checkpoint_path: "model.ckpt-5"\nall_model_checkpoint_paths: "model.ckpt-7"\n',
  );
  const { step, messages } = await startOf({ train_dir });
  assert.equal(step, 7);
  assert.equal(
    messages[1],
    `the file "checkpoint" names model.ckpt-5, but ${train_dir}/model.ckpt-5.index is not there: this one is taken in its place`,
  );
});

test('a first checkpoint whose writer was killed before it was listed is gone on from', async () => {
  const train_dir = await begunRun();
  const list = join(train_dir, 'checkpoint');
  renameSync(list, `${list}.tmp`);
  assert.equal((await startOf({ train_dir })).checkpoint, join(train_dir, 'model.ckpt-7'));
  assert.ok(existsSync(list));
});

test('a run goes on with the classes that it has the names of', async () => {
  const train_dir = await begunRun();
  await record(train_dir, {});
  assert.equal((await startOf({ train_dir })).step, 7);
  await record(train_dir, {}, ['ape', 'cat']);
  await assert.rejects(startOf({ train_dir }), {
    name: 'UsageError',
    message: /model\.ckpt-7, 7 steps, cannot go on with class 1 bee \(was cat\);/,
  });
  for (const [trained, were] of [
    [['ape'], 1],
    [['ape', 'bee', 'cat'], 3],
  ] as const) {
    await record(train_dir, {}, trained);
    await assert.rejects(startOf({ train_dir }), {
      name: 'UsageError',
      message: new RegExp(`cannot go on with 2 classes \\(were ${were}\\);`),
    });
  }
});

test('the weights of a class are not taken for one of another name', async () => {
  const letters = (first: number) =>
    Array.from({ length: 10 }, (_, i) => String.fromCharCode(first + i));
  const startFor = (checkpoint_path: string, classNames: readonly string[], more = {}) =>
    startOf({ checkpoint_path, ...more }, { ...data, classNames: [...classNames] });
  const folder = await otherCheckpoint();
  const [trained, others] = [letters(97), letters(98)];
  await startFor(folder, others);
  await record(folder, {}, trained);
  await startFor(folder, trained);
  await assert.rejects(startFor(folder, others), {
    name: 'UsageError',
    message:
      /class 0 of the data is b; for the run of .*model\.ckpt-50 it is a\..*--checkpoint_exclude_scopes=Tiny\/logits,/,
  });
  const { values } = await startFor(folder, others, { checkpoint_exclude_scopes: ['Tiny/logits'] });
  assert.deepEqual(values['Tiny/logits/weights'], initial['Tiny/logits/weights']);
  const { messages } = await startFor(folder, [...trained.keys()].map(String));
  assert.match(messages.join('\n'), /weights Tiny\/logits of the logits are taken by number/);
});

for (const format of ['V2', 'V1']) {
  test(`a checkpoint of Python TensorFlow’s in format ${format} starts a run, partitioned too`, {
    skip: skipWithoutPython('tensorflow'),
  }, async () => {
    const folder = temporaryFolder();
    const variables = Object.fromEntries(
      graph.modelVariables.map(({ name, shape }, i) => [
        name,
        { shape, start: 100 * i, ...(shape.length > 1 ? { axis: shape.length - 1 } : {}) },
      ]),
    );
    runPython('checkpoint_of.py', folder, JSON.stringify(variables), format);
    const written = format === 'V1' ? 'model.ckpt-77' : 'model.ckpt-77.data-00001-of-00002';
    assert.ok(readdirSync(folder).includes(written));
    for (const checkpoint_path of [folder, join(folder, 'model.ckpt-77')]) {
      const { values } = await startOf({ checkpoint_path });
      graph.modelVariables.forEach(({ name, shape }, i) => {
        const { data } = values[name]!;
        assert.deepEqual(values[name]!.shape, shape);
        assert.ok(
          data.every((value, k) => value === 100 * i + k),
          name,
        );
      });
    }
  });
}
