import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { argMax } from '../../src/argMax.ts';
import { saveCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import type { Engine, Session } from '../../src/engines/engine.ts';
import { loadTensorFlowEngine } from '../../src/engines/tensorflow.ts';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { gradientTable } from '../../src/graph/gradients.ts';
import type { OpGradient } from '../../src/graph/graph.ts';
import { concat } from '../../src/graph/ops/array.ts';
import { mean, mul } from '../../src/graph/ops/math.ts';
import type { Check } from '../../src/inspection/checks.ts';
import { verify } from '../../src/inspection/verification.ts';
import { buildVerificationGraph, type Feeds } from '../../src/inspection/verificationGraph.ts';
import { checksText, verdict } from '../../src/inspection/verificationReport.ts';
import { initialValues } from '../../src/model/initialValues.ts';
import { buildPredictionGraph } from '../../src/model/predictionGraph.ts';
import { depthwiseConv2d } from '../../src/nets/depthwise.ts';
import { loadNetwork } from '../../src/nets/factory.ts';
import { conv2d, fullyConnected } from '../../src/nets/layers.ts';
import type { NetworkDefinition } from '../../src/nets/network.ts';
import { avgPool2d } from '../../src/nets/pooling.ts';
import { preprocessedImages } from '../../src/preprocessing/itemInput.ts';
import { random } from '../../src/random.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { losslens, temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { someFeeds } from '../model/trainingSession.ts';
import { getNetwork } from '../nets/getNetwork.ts';
import { writeResidualNetwork } from '../residualNetwork.ts';

interface Case {
  readonly side: number;
  readonly channels: number;
  readonly items: number;
  readonly layers: readonly string[];
}

const cases: Record<string, Case> = {
  lenet: { side: 28, channels: 1, items: 3, layers: ['pool2', 'Logits'] },
  cifarnet: { side: 32, channels: 3, items: 3, layers: ['pool2'] },
  resnet_v1_50: {
    side: 32,
    channels: 3,
    items: 4,
    layers: ['resnet_v1_50/block4/unit_2/bottleneck_v1'],
  },
  resnet_v1_20: {
    side: 32,
    channels: 3,
    items: 4,
    layers: ['resnet_v1_20/block3/unit_2/basic_v1'],
  },
};

/** A loaded network with biases that are not zero, and feeds of some made items. */
async function load(
  model: string,
  createEngine: () => Promise<Engine>,
  layers = cases[model]!.layers,
  change: (name: string, data: Float32Array) => void = () => {},
) {
  const { side, channels, items } = cases[model]!;
  const imageShape = [side, side, channels] as const;
  const graph = buildVerificationGraph({
    network: getNetwork(model),
    numClasses: 10,
    input: preprocessedImages(imageShape),
    layers,
  });
  const session = await (await createEngine()).load(graph.graph, graph.signatures);
  const values = initialValues(graph.variables, 1);
  const next = random(2);
  for (const [name, { data }] of Object.entries(values)) {
    if (/biases|beta/.test(name)) for (const i of data.keys()) data[i]! += 0.2 * (next() - 0.5);
    change(name, data as Float32Array);
  }
  await session.run('assign', values);
  const feedsOf = (batch: number): Feeds => {
    const { images, labels, dropout_seed } = someFeeds(imageShape, items, batch, undefined);
    return { images: images!, labels: labels!, dropout_seed: dropout_seed! };
  };
  return { graph, session, feedsOf };
}

/** The checks of a network on made data. */
async function verifyModel(
  model: string,
  createEngine: () => Promise<Engine>,
  layers?: readonly string[],
): Promise<readonly Check[]> {
  const { graph, session, feedsOf } = await load(model, createEngine, layers);
  const { checks } = await verify(graph, session, [feedsOf(0)], 1);
  await session.close();
  return checks;
}

const names = (checks: readonly Check[]) => checks.map(({ what }) => what);
const failures = (checks: readonly Check[]) =>
  names(checks.filter(({ outcome }) => outcome !== 'ok'));
const { skip } = await tensorFlowOrSkip();

for (const [model, createEngine, skipped] of [
  ['lenet', createWasmEngine, false],
  ['lenet', loadTensorFlowEngine, skip],
  ['cifarnet', createWasmEngine, false],
  ['cifarnet', loadTensorFlowEngine, skip],
  ['resnet_v1_20', createWasmEngine, false],
  // Seconds more on one thread.
  ['resnet_v1_50', loadTensorFlowEngine, skip],
] as const) {
  const engine = createEngine === createWasmEngine ? 'wasm' : 'tensorflow';
  test(`all identities hold in ${model} on ${engine}`, { skip: skipped }, async () => {
    const checks = await verifyModel(model, createEngine);
    assert.deepEqual(failures(checks), []);
  });
}

test('only what theory demands is demanded', () => {
  const lawsOf = (model: string) => {
    const { side, channels, layers } = cases[model]!;
    const graph = buildVerificationGraph({
      network: getNetwork(model),
      numClasses: 10,
      input: preprocessedImages([side, side, channels]),
      layers,
    });
    return new Map(graph.layers.map((layer) => [layer.name, layer]));
  };
  const ofLenet = lawsOf('lenet');
  const { law, equalTo } = ofLenet.get('conv1')!;
  assert.equal(law!.degree, 1);
  assert.deepEqual(
    [...law!.biases.keys()].map(({ name }) => name),
    ['LeNet/conv2/biases', 'LeNet/fc3/biases', 'LeNet/fc4/biases'],
  );
  assert.equal(equalTo, 'pool1');
  // LRN is not homogeneous: nothing is said of the layers before it, but of those between and behind.
  const ofCifarnet = lawsOf('cifarnet');
  assert.equal(ofCifarnet.get('conv1')!.equalTo, 'pool1');
  for (const layer of ['conv1', 'pool1', 'conv2']) assert.equal(ofCifarnet.get(layer)!.law, null);
  assert.equal(ofCifarnet.get('pool2')!.law!.biases.size, 3);
  // Batch normalisation ends the scale of what is before it; a shortcut without one goes around it.
  const ofResnet = lawsOf('resnet_v1_50');
  const unit = 'resnet_v1_50/block4/unit_2/bottleneck_v1';
  assert.equal(ofResnet.get(`${unit}/conv1`)!.law!.degree, 0);
  assert.equal(ofResnet.get(unit)!.law, null);
  assert.equal(ofResnet.get('resnet_v1_50/block4')!.law!.degree, 1);
});

/** Convolutions by channel and dilated, and averages, of which all but ReLU6 scale with their input. */
const depthwiseNetwork = (activation: 'relu' | 'relu6'): NetworkDefinition => ({
  defaultImageSize: 8,
  preprocessingName: 'lenet',
  build: (images, context) => {
    const root = conv2d(context, images, 'root', 4, 3);
    const depthwise = depthwiseConv2d(context, root, 'depthwise', 3, { activation, stride: 2 });
    const dilated = conv2d(context, depthwise, 'dilated', 4, 3, { rate: 2 });
    const pooled = avgPool2d(dilated, 'pooled', 3, { stride: 1, padding: 'SAME' });
    const joined = mean(concat([pooled, dilated], 3), [1, 2]);
    const logits = fullyConnected(context, joined, 'logits', context.numClasses, {
      activation: 'linear',
    });
    const endPoints = { root, depthwise, dilated, pooled, joined, logits };
    return { logits, endPoints: new Map(Object.entries(endPoints)) };
  },
});

test('depthwise and dilated convolutions and averages scale as their input does, ReLU6 does not', () => {
  const lawOf = (activation: 'relu' | 'relu6', layer: string) => {
    const graph = buildVerificationGraph({
      network: depthwiseNetwork(activation),
      numClasses: 10,
      input: preprocessedImages([8, 8, 1]),
      layers: undefined,
    });
    return graph.layers.find(({ name }) => name === layer)!.law;
  };
  const { degree, biases } = lawOf('relu', 'root')!;
  assert.equal(degree, 1);
  assert.deepEqual(
    [...biases.keys()].map(({ name }) => name),
    ['depthwise/biases', 'dilated/biases', 'logits/biases'],
  );
  assert.equal(lawOf('relu6', 'root'), null);
  assert.equal(lawOf('relu6', 'depthwise')!.degree, 1);
});

for (const [engine, createEngine, skipped] of [
  ['wasm', createWasmEngine, false],
  ['tensorflow', loadTensorFlowEngine, skip],
] as const) {
  test(`the identities hold in them on ${engine}`, { skip: skipped }, async () => {
    const imageShape = [8, 8, 1] as const;
    const graph = buildVerificationGraph({
      network: depthwiseNetwork('relu'),
      numClasses: 10,
      input: preprocessedImages(imageShape),
      layers: undefined,
    });
    const session = await (await createEngine()).load(graph.graph, graph.signatures);
    const values = initialValues(graph.variables, 1);
    for (const [name, { data }] of Object.entries(values)) {
      if (name.endsWith('biases')) for (const i of data.keys()) data[i] = 0.1 * Math.sin(i);
    }
    await session.run('assign', values);
    const { images, labels, dropout_seed } = someFeeds(imageShape, 4, 0, undefined);
    const feeds: Feeds = { images: images!, labels: labels!, dropout_seed: dropout_seed! };
    const { checks } = await verify(graph, session, [feeds], 1);
    await session.close();
    assert.ok(checks.length > 8);
    assert.deepEqual(failures(checks), []);
  });
}

/** Runs with an op's gradient replaced. */
async function withGradient<T>(op: string, broken: OpGradient, run: () => Promise<T>): Promise<T> {
  const table = gradientTable as Record<string, OpGradient>;
  const right = table[op]!;
  table[op] = broken;
  try {
    return await run();
  } finally {
    table[op] = right;
  }
}

const rightOf = (op: string) => gradientTable[op]!;
const broken: Record<string, [op: string, gradient: OpGradient, seen: RegExp]> = {
  'a pooling gradient that is too large': [
    'MaxPool',
    (node, dy) => {
      const [dx, ...rest] = rightOf('MaxPool')(node, dy);
      return [() => mul(dx!(), 1.5), ...rest];
    },
    /^S at conv1 = S at pool1/,
  ],
  'a ReLU that lets all derivatives pass': [
    'Relu',
    (_node, [dy]) => [() => dy!],
    /^gradient at pool2 = central difference/,
  ],
  'a bias gradient that is forgotten in part': [
    'BiasAdd',
    (node, dy) => {
      const [dx, dBias] = rightOf('BiasAdd')(node, dy);
      return [dx!, () => mul(dBias!(), 0.9)];
    },
    /^Σ S at pool2 = Σ S at Logits − Σ bias·dL\/dbias/,
  ],
  'a loss with the wrong derivative': [
    'SoftmaxCrossEntropyWithLogits',
    (node, dy) => {
      const [dLogits, ...rest] = rightOf('SoftmaxCrossEntropyWithLogits')(node, dy);
      return [() => mul(dLogits!(), 0.5), ...rest];
    },
    /^S at Logits = loss − entropy/,
  ],
};
for (const [name, [op, gradient, seen]] of Object.entries(broken)) {
  test(`${name} is seen`, async () => {
    const right = rightOf(op);
    const wrong: OpGradient = (node, dy) => {
      // What is broken may ask for what is right.
      (gradientTable as Record<string, OpGradient>)[op] = right;
      const result = gradient(node, dy);
      (gradientTable as Record<string, OpGradient>)[op] = wrong;
      return result;
    };
    const layers = /gradient at (\w+)/.exec(seen.source)?.slice(1) ?? ['Logits'];
    const checks = await withGradient(op, wrong, () =>
      verifyModel('lenet', createWasmEngine, layers),
    );
    assert.ok(
      failures(checks).some((what) => seen.test(what)),
      failures(checks).join('\n'),
    );
  });
}

test('a gradient that is lost on the way is wrong, not too small to be checked', async () => {
  const lost: OpGradient = (_node, [dy]) => [() => mul(dy!, 0)];
  const checks = await withGradient('Relu', lost, () =>
    verifyModel('lenet', createWasmEngine, ['pool2']),
  );
  const { outcome } = checks.find(({ what }) => what.startsWith('gradient at pool2'))!;
  assert.equal(outcome, 'failed');
});

/** Feeds with the label that the network gives each item. */
async function withOwnLabels(session: Session, feeds: Feeds): Promise<Feeds> {
  const { data, shape } = (await session.run('verify', feeds))['logits']!;
  const classes = shape[1]!;
  const labels = feeds.labels.data.map((_, row) => argMax(data, row * classes, classes));
  return { ...feeds, labels: { ...feeds.labels, data: labels } };
}

/** So sure of each class that the loss of a right one is exactly 0. */
const certain = (name: string, data: Float32Array) => {
  if (name === 'LeNet/fc4/weights') for (const i of data.keys()) data[i]! *= 1e6;
};

for (const [createEngine, skipped] of [
  [createWasmEngine, false],
  [loadTensorFlowEngine, skip],
] as const) {
  const engine = createEngine === createWasmEngine ? 'wasm' : 'tensorflow';
  test(`a loss of exactly 0 cannot be checked on ${engine}`, { skip: skipped }, async () => {
    const { graph, session, feedsOf } = await load('lenet', createEngine, undefined, certain);
    const feeds = await withOwnLabels(session, feedsOf(0));
    const verification = await verify(graph, session, [feeds], 1);
    await session.close();
    assert.equal(verification.largestLoss, 0);
    assert.deepEqual(
      new Set(verification.checks.map(({ outcome }) => outcome)),
      new Set(['unchecked']),
    );
    const lines = checksText(verification.checks).split('\n').slice(1);
    for (const line of lines) assert.match(line, /^unchecked {2}\S.* {2}\d\.\de-\d$/);
    assert.match(
      verdict(verification),
      /^14 of 14 checks cannot be made on these 3 items: .* The largest loss is 0\.0e\+0 nats;/,
    );
  });
}

test('where the loss is 0, further batches are looked at until there is something to check', async () => {
  const { graph, session, feedsOf } = await load('lenet', createWasmEngine, undefined, certain);
  const easy = await withOwnLabels(session, feedsOf(0));
  const taken: string[] = [];
  async function* batches() {
    for (const [name, feeds] of Object.entries({ easy, hard: feedsOf(0), unneeded: feedsOf(1) })) {
      taken.push(name);
      yield feeds;
    }
  }
  const { checks, items } = await verify(graph, session, batches(), 1);
  await session.close();
  assert.deepEqual(taken, ['easy', 'hard']);
  assert.equal(items, 6);
  assert.deepEqual(failures(checks), []);
});

test('a layer that is 0 for all items cannot be checked; the others can', async () => {
  const { graph, session, feedsOf } = await load(
    'lenet',
    createWasmEngine,
    ['pool2', 'Logits'],
    (name, data) => {
      if (name.startsWith('LeNet/conv2')) data.fill(0);
    },
  );
  const verification = await verify(graph, session, [feedsOf(0)], 1);
  await session.close();
  const unchecked = verification.checks.filter(({ outcome }) => outcome === 'unchecked');
  assert.deepEqual(names(unchecked), [
    'S at conv1 = S at pool1, each item',
    'S at conv2 = S at pool2, each item',
    'S at pool2 = S at Flatten, each item',
    'gradient at pool2 = central difference',
  ]);
  assert.ok(verification.checks.every(({ outcome }) => outcome !== 'failed'));
  assert.match(verdict(verification), /\nThe other \d+ checks hold\.$/);
});

test('a network whose loss is no number fails, it is not left unchecked', async () => {
  const { graph, session, feedsOf } = await load(
    'lenet',
    createWasmEngine,
    ['pool2'],
    (_name, data) => data.fill(Number.NaN),
  );
  const { checks } = await verify(graph, session, [feedsOf(0)], 1);
  await session.close();
  assert.deepEqual(new Set(checks.map(({ outcome }) => outcome)), new Set(['failed']));
});

test('Hs of a run is looked at also when it has no Hm', async () => {
  const folder = temporaryFolder();
  writeSmallMnist(folder, 30, 10);
  const model = writeResidualNetwork(folder);
  const { variables } = buildPredictionGraph({
    network: await loadNetwork(model),
    numClasses: 10,
    input: preprocessedImages([28, 28, 1]),
  });
  await saveCheckpoint(folder, 7, new Map(Object.entries(initialValues(variables, 1))), 1);
  const flags = { dataset_name: 'mnist', dataset_dir: folder, hs: 'unit', hm: [], seed: 1 };
  const { classNames } = makeDigits('train', 1);
  const record = { flags, precision: {}, dataset: { classes: classNames } };
  writeFileSync(join(folder, 'run.json'), JSON.stringify(record));
  const { code, stdout, stderr } = await losslens([
    'verify',
    '--engine=wasm',
    `--checkpoint_path=${folder}`,
    `--model_name=${model}`,
    '--num_batches=1',
  ]);
  assert.equal(code, 0, stderr);
  const compared = [...stdout.matchAll(/gradient at (\w+) = /g)].map(([, name]) => name);
  assert.deepEqual(compared, ['unit']);
});

test('the command says what holds, and of which layers the sums mean little', async () => {
  const data = temporaryFolder();
  writeSmallMnist(data, 30, 10);
  const { code, stdout, stderr } = await losslens([
    'verify',
    '--engine=wasm',
    '--dataset_name=mnist',
    `--dataset_dir=${data}`,
    `--model_name=${writeResidualNetwork(data)}`,
    '--num_batches=1',
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^residual with its initial weights, 1 × 8 items of mnist train/);
  assert.match(stdout, /ok +gradient at unit = central difference +\d\.\de-\d +\d\.\de-\d/);
  assert.match(stdout, /ok +Σ S at inner = 0 /);
  assert.match(stdout, /say little at 1 of 5 layers.*\n {2}inner\n/);
  assert.match(stdout, /Select \(--hs\) by .*: root, unit, pooled, Logits\./);
  assert.match(stdout, /All \d+ checks hold\.\n$/);
});

test('the command exits with 1 where a gradient is not that of the network', async () => {
  const data = temporaryFolder();
  writeSmallMnist(data, 30, 10);
  const path = join(data, 'rounding.mjs');
  // Rounded values follow the layer, which no gradient through whole numbers can tell.
  writeFileSync(
    path,
    `
import { add, cast, conv2d, div, fullyConnected, mean, mul } from 'losslens';
export const defaultImageSize = 28;
export const preprocessingName = 'lenet';
export function build(images, context) {
  const conv1 = conv2d(context, images, 'conv1', 4, 5, { stride: 2 });
  const whole = cast(mul(conv1, 1e4), 'int32');
  const pooled = mean(add(conv1, div(cast(whole, 'float32'), 1e4)), [1, 2]);
  const logits = fullyConnected(context, pooled, 'logits', context.numClasses, { activation: 'linear' });
  return { logits, endPoints: new Map(Object.entries({ conv1, pooled, Logits: logits })) };
}`,
  );
  const { code, stdout, stderr } = await losslens([
    'verify',
    '--engine=wasm',
    '--dataset_name=mnist',
    `--dataset_dir=${data}`,
    `--model_name=${path}`,
    '--num_batches=1',
  ]);
  assert.equal(code, 1, stderr);
  assert.match(stdout, /FAILED +gradient at conv1 = central difference/);
  assert.match(stdout, /ok +gradient at pooled = central difference/);
});
