import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadTensorFlowEngine } from '../../src/engines/tensorflow.ts';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { gradientTable } from '../../src/graph/gradients.ts';
import type { OpGradient } from '../../src/graph/graph.ts';
import { mul } from '../../src/graph/ops/math.ts';
import { type Check, passes, verify } from '../../src/inspection/verification.ts';
import { buildVerificationGraph } from '../../src/inspection/verificationGraph.ts';
import { initialValues } from '../../src/model/initialValues.ts';
import { getNetwork } from '../../src/nets/factory.ts';
import { imageInput } from '../../src/preprocessing/itemInput.ts';
import { random } from '../../src/random.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { losslens, temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { someFeeds } from '../model/trainingSession.ts';
import { writeResidualNetwork } from '../residualNetwork.ts';

interface Case {
  readonly side: number;
  readonly channels: number;
  readonly items: number;
  readonly layers: string[];
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
};

/** The checks of a network on made data, with biases that are not zero. */
async function verifyModel(
  model: string,
  load: typeof createWasmEngine,
  { layers = cases[model]!.layers } = {},
): Promise<readonly Check[]> {
  const { side, channels, items } = cases[model]!;
  const imageShape = [side, side, channels] as const;
  const graph = buildVerificationGraph({
    network: getNetwork(model),
    numClasses: 10,
    input: imageInput(imageShape),
    layers,
  });
  const session = await (await load()).load(graph.graph, graph.signatures);
  const values = initialValues(graph.variables, 1);
  const next = random(2);
  for (const [name, { data }] of Object.entries(values)) {
    if (/biases|beta/.test(name)) for (const i of data.keys()) data[i]! += 0.2 * (next() - 0.5);
  }
  session.run('assign', values);
  const { images, labels, dropout_seed } = someFeeds(imageShape, items, 0, undefined);
  const feeds = { images: images!, labels: labels!, dropout_seed: dropout_seed! };
  const checks = verify(graph, session, [feeds]);
  session.close();
  return checks;
}

const names = (checks: readonly Check[]) => checks.map(({ what }) => what);
const failures = (checks: readonly Check[]) => names(checks.filter((check) => !passes(check)));
const { skip } = await tensorFlowOrSkip();

for (const [model, load, skipped] of [
  ['lenet', createWasmEngine, false],
  ['lenet', loadTensorFlowEngine, skip],
  ['cifarnet', createWasmEngine, false],
  ['cifarnet', loadTensorFlowEngine, skip],
  ['resnet_v1_50', createWasmEngine, false],
  ['resnet_v1_50', loadTensorFlowEngine, skip],
] as const) {
  const engine = load === createWasmEngine ? 'wasm' : 'tensorflow';
  test(`all identities hold in ${model} on ${engine}`, { skip: skipped }, async () => {
    const checks = await verifyModel(model, load);
    assert.deepEqual(failures(checks), []);
  });
}

test('only what theory demands is demanded', () => {
  const lawsOf = (model: string) => {
    const { side, channels, layers } = cases[model]!;
    const graph = buildVerificationGraph({
      network: getNetwork(model),
      numClasses: 10,
      input: imageInput([side, side, channels]),
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
      verifyModel('lenet', createWasmEngine, { layers }),
    );
    assert.ok(
      failures(checks).some((what) => seen.test(what)),
      failures(checks).join('\n'),
    );
  });
}

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
