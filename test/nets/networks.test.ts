import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Graph } from '../../src/graph/graph.ts';
import { placeholder } from '../../src/graph/ops/array.ts';
import { loadNetwork } from '../../src/nets/factory.ts';
import { build, countParameters } from './builtNetwork.ts';
import { getNetwork } from './getNetwork.ts';

test('lenet has these end points, shapes, variables and parameters', () => {
  const { shapes, variables } = build('lenet', [28, 28, 1]);
  assert.deepEqual(shapes, {
    conv1: [28, 28, 32],
    pool1: [14, 14, 32],
    conv2: [14, 14, 64],
    pool2: [7, 7, 64],
    Flatten: [3136],
    fc3: [1024],
    dropout3: [1024],
    Logits: [10],
    Predictions: [10],
  });
  assert.deepEqual(
    variables.map(({ name }) => name),
    ['conv1', 'conv2', 'fc3', 'fc4'].flatMap((layer) => [
      `LeNet/${layer}/weights`,
      `LeNet/${layer}/biases`,
    ]),
  );
  assert.equal(countParameters(variables), 3_274_634);
});

test('lenet regularises all weights and no biases', () => {
  for (const { name, weightDecay } of build('lenet', [28, 28, 1]).variables) {
    assert.equal(weightDecay, name.endsWith('weights') ? 0.004 : 0, name);
  }
});

test('cifarnet has these end points, shapes, variables and parameters', () => {
  const { shapes, variables } = build('cifarnet', [32, 32, 3]);
  assert.deepEqual(shapes, {
    conv1: [32, 32, 64],
    pool1: [16, 16, 64],
    conv2: [16, 16, 64],
    pool2: [8, 8, 64],
    Flatten: [4096],
    fc3: [384],
    fc4: [192],
    Logits: [10],
    Predictions: [10],
  });
  assert.deepEqual(
    variables.map(({ name }) => name),
    ['conv1', 'conv2', 'fc3', 'fc4', 'logits'].flatMap((layer) => [
      `CifarNet/${layer}/weights`,
      `CifarNet/${layer}/biases`,
    ]),
  );
  assert.equal(countParameters(variables), 1_756_426);
});

test('cifarnet regularises the weights of fc3 and fc4 alone', () => {
  const regularised = build('cifarnet', [32, 32, 3])
    .variables.filter(({ weightDecay }) => weightDecay !== 0)
    .map(({ name }) => name);
  assert.deepEqual(regularised, ['CifarNet/fc3/weights', 'CifarNet/fc4/weights']);
});

/** End points and shapes of a ResNet for 224×224 images (He et al. 2015, Table 1; TF-Slim's names). */
function resnetShapes(name: string, units: readonly number[]): Record<string, number[]> {
  const shapes: Record<string, number[]> = { [`${name}/conv1`]: [112, 112, 64] };
  let side = 56;
  units.forEach((count, i) => {
    const block = `${name}/block${i + 1}`;
    const depth = 64 * 2 ** i;
    for (let number = 1; number <= count; number++) {
      const unit = `${block}/unit_${number}/bottleneck_v1`;
      // TF-Slim has the stride in the last unit of a block, on its 3×3 convolution.
      const after = number === count && i < 3 ? side / 2 : side;
      if (number === 1) shapes[`${unit}/shortcut`] = [side, side, 4 * depth];
      shapes[`${unit}/conv1`] = [side, side, depth];
      shapes[`${unit}/conv2`] = [after, after, depth];
      shapes[`${unit}/conv3`] = [after, after, 4 * depth];
      shapes[unit] = [after, after, 4 * depth];
      side = after;
    }
    shapes[block] = [side, side, 4 * depth];
  });
  return {
    ...shapes,
    global_pool: [1, 1, 2048],
    [`${name}/logits`]: [1, 1, 1000],
    [`${name}/spatial_squeeze`]: [1000],
    predictions: [1000],
  };
}

for (const [depth, units, endPoints, parameters, movingStatistics] of [
  [50, [3, 4, 6, 3], 77, 25_557_032, 53_120],
  [101, [3, 4, 23, 3], 145, 44_549_160, 105_344],
  [152, [3, 8, 36, 3], 213, 60_192_808, 151_424],
] as const) {
  test(`resnet_v1_${depth} has ${endPoints} end points and the parameters of the paper`, () => {
    const name = `resnet_v1_${depth}`;
    const { shapes, variables } = build(name, [224, 224, 3], 1000);
    const expected = resnetShapes(name, units);
    assert.equal(Object.keys(expected).length, endPoints);
    assert.deepEqual(Object.entries(shapes), Object.entries(expected));
    assert.equal(countParameters(variables), parameters);
    const statistics = variables.filter(({ trainable }) => !trainable);
    assert.equal(
      statistics.reduce((total, { shape }) => total + shape[0]!, 0),
      movingStatistics,
    );
    const weights = variables.filter(({ name }) => /(?<!shortcut)\/weights$/.test(name));
    assert.equal(weights.length, depth);
  });
}

test('the variables of a convolution in a ResNet are named as TF-Slim names them', () => {
  const { variables } = build('resnet_v1_50', [224, 224, 3]);
  const shortcut = 'resnet_v1_50/block1/unit_1/bottleneck_v1/shortcut';
  const names = variables.map(({ name }) => name).filter((name) => name.startsWith(shortcut));
  assert.deepEqual(names, [
    `${shortcut}/weights`,
    ...['gamma', 'beta', 'moving_mean', 'moving_variance'].map((v) => `${shortcut}/BatchNorm/${v}`),
  ]);
});

test('resnet_v1_50 takes 32×32 images', () => {
  const { shapes } = build('resnet_v1_50', [32, 32, 3]);
  assert.deepEqual(shapes['resnet_v1_50/block1'], [4, 4, 256]);
  assert.deepEqual(shapes['resnet_v1_50/block4'], [1, 1, 2048]);
});

test('textcnn has these end points, shapes, variables and parameters', () => {
  const { shapes, variables } = build('textcnn', [24], 5);
  assert.deepEqual(shapes, {
    embedding: [24, 64],
    conv3: [24, 100],
    conv4: [24, 100],
    conv5: [24, 100],
    pooled: [300],
    dropout: [300],
    Logits: [5],
    Predictions: [5],
  });
  assert.deepEqual(
    variables.map(({ name, shape }) => [name, shape]),
    [
      ['TextCNN/embedding/embeddings', [1000, 64]],
      ...[3, 4, 5].flatMap((width) => [
        [`TextCNN/conv${width}/weights`, [width, 64, 100]],
        [`TextCNN/conv${width}/biases`, [100]],
      ]),
      ['TextCNN/logits/weights', [300, 5]],
      ['TextCNN/logits/biases', [5]],
    ],
  );
  assert.equal(countParameters(variables), 64_000 + 77_100 + 1_505);
});

test('a network of texts says that it needs a vocabulary', () => {
  const buildWithoutVocabulary = () => {
    const graph = new Graph();
    getNetwork('textcnn').build(placeholder(graph, 'int32', [-1, 24], 'input'), {
      numClasses: 5,
      isTraining: false,
      weightDecay: 0,
      dropoutSeed: placeholder(graph, 'int32', [2], 'dropout_seed'),
      computeType: 'float32',
      updates: [],
    });
  };
  assert.throws(
    buildWithoutVocabulary,
    /embedding: got input int32\[\?,24\] without a vocabulary; expected texts/,
  );
});

test('a network built again in its graph shares its variables', () => {
  const { graph, variables } = build('lenet', [28, 28, 1]);
  const images = placeholder(graph, 'float32', [-1, 28, 28, 1], 'images');
  const dropoutSeed = placeholder(graph, 'int32', [2], 'seed');
  graph.withNodePrefix('predict', () =>
    getNetwork('lenet').build(images, {
      numClasses: 10,
      isTraining: false,
      weightDecay: 0,
      dropoutSeed,
      computeType: 'float32',
      updates: [],
    }),
  );
  assert.equal(graph.variables.size, variables.length);
  assert.ok(graph.nodes.some(({ name }) => name === 'predict/LeNet/conv1/Conv2D'));
});

test('an unknown network lists those that exist', async () => {
  await assert.rejects(
    loadNetwork('lenett'),
    /--model_name: got "lenett"; .*cifarnet, efficientnet_lite0, .*resnet_v1_20, .*vgg_16, or a file/,
  );
});
