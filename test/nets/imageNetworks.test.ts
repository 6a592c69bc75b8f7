import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/errors.ts';
import { build, countParameters } from './builtNetwork.ts';

type Shapes = Record<string, number[]>;

test('resnet_v1_20 has the layers and the parameters of the paper', () => {
  const { shapes, variables } = build('resnet_v1_20', [32, 32, 3]);
  const expected: Shapes = { 'resnet_v1_20/conv1': [32, 32, 16] };
  [
    [32, 16],
    [16, 32],
    [8, 64],
  ].forEach(([side, depth], i) => {
    const shape = [side!, side!, depth!];
    const block = `resnet_v1_20/block${i + 1}`;
    for (const unit of [1, 2, 3].map((number) => `${block}/unit_${number}/basic_v1`)) {
      Object.assign(expected, {
        [`${unit}/conv1`]: shape,
        [`${unit}/conv2`]: shape,
        [unit]: shape,
      });
    }
    expected[block] = shape;
  });
  Object.assign(expected, {
    global_pool: [1, 1, 64],
    'resnet_v1_20/logits': [1, 1, 10],
    'resnet_v1_20/spatial_squeeze': [10],
    predictions: [10],
  });
  assert.deepEqual(Object.entries(shapes), Object.entries(expected));
  // 0.27 M in the paper's Table 6.
  assert.equal(countParameters(variables), 269_722);
  const weights = variables.filter(({ name }) => name.endsWith('/weights'));
  assert.equal(weights.length, 20);
  for (const { name, weightDecay } of variables) {
    assert.equal(weightDecay, name.endsWith('/weights') ? 0.004 : 0, name);
  }
});

test('efficientnet_lite0 has the layers and the parameters of its authors', () => {
  const { shapes, variables } = build('efficientnet_lite0', [224, 224, 3], 1000);
  const expected: Shapes = { stem: [112, 112, 32] };
  // Side behind the block, channels of its input, of its output, and whether it is the last of its size.
  const blocks = [
    [112, 32, 16, true],
    [56, 16, 24, false],
    [56, 24, 24, true],
    [28, 24, 40, false],
    [28, 40, 40, true],
    [14, 40, 80, false],
    [14, 80, 80, false],
    [14, 80, 80, false],
    [14, 80, 112, false],
    [14, 112, 112, false],
    [14, 112, 112, true],
    [7, 112, 192, false],
    [7, 192, 192, false],
    [7, 192, 192, false],
    [7, 192, 192, false],
    [7, 192, 320, true],
  ] as const;
  let reductions = 0;
  blocks.forEach(([side, channels, filters, isLast], i) => {
    const expanded = i === 0 ? channels : 6 * channels;
    expected[`block_${i}/expansion_output`] = [side, side, expanded];
    expected[`block_${i}`] = [side, side, filters];
    if (isLast) expected[`reduction_${++reductions}`] = [side, side, filters];
  });
  Object.assign(expected, {
    features: [7, 7, 320],
    head_1x1: [7, 7, 1280],
    pooled_features: [1, 1, 1280],
    global_pool: [1, 1, 1280],
    head: [1000],
  });
  assert.deepEqual(Object.entries(shapes), Object.entries(expected));
  assert.equal(countParameters(variables), 4_652_008);
});

test('the variables of efficientnet_lite0 are named as in its authors’ checkpoints', () => {
  const { variables } = build('efficientnet_lite0', [64, 64, 3]);
  const statistics = ['gamma', 'beta', 'moving_mean', 'moving_variance'];
  const normalization = (number: string) =>
    statistics.map((name) => `tpu_batch_normalization${number}/${name}`);
  const inScope = (scope: string) => {
    const prefix = `efficientnet-lite0/${scope}/`;
    return variables
      .filter(({ name }) => name.startsWith(prefix))
      .map(({ name }) => name.slice(prefix.length));
  };
  assert.deepEqual(inScope('stem'), ['conv2d/kernel', ...normalization('')]);
  assert.deepEqual(inScope('blocks_0'), [
    'depthwise_conv2d/depthwise_kernel',
    ...normalization(''),
    'conv2d/kernel',
    ...normalization('_1'),
  ]);
  for (let i = 1; i < 16; i++) {
    assert.deepEqual(inScope(`blocks_${i}`), [
      'conv2d/kernel',
      ...normalization(''),
      'depthwise_conv2d/depthwise_kernel',
      ...normalization('_1'),
      'conv2d_1/kernel',
      ...normalization('_2'),
    ]);
  }
  assert.deepEqual(inScope('head'), [
    'conv2d/kernel',
    ...normalization(''),
    'dense/kernel',
    'dense/bias',
  ]);
});

test('mobilenet_v1 has these layers and parameters', () => {
  const { shapes, variables } = build('mobilenet_v1', [224, 224, 3], 1000);
  const expected: Shapes = { Conv2d_0: [112, 112, 32] };
  const depths = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024];
  const sides = [112, 112, 56, 56, 28, 28, 14, 14, 14, 14, 14, 14, 7, 7];
  for (let i = 1; i < depths.length; i++) {
    expected[`Conv2d_${i}_depthwise`] = [sides[i]!, sides[i]!, depths[i - 1]!];
    expected[`Conv2d_${i}_pointwise`] = [sides[i]!, sides[i]!, depths[i]!];
  }
  Object.assign(expected, { AvgPool_1a: [1, 1, 1024], Logits: [1000], Predictions: [1000] });
  assert.deepEqual(Object.entries(shapes), Object.entries(expected));
  assert.equal(countParameters(variables), 4_231_976);
});

test('mobilenets regularise all weights but those of depthwise convolutions', () => {
  for (const name of ['mobilenet_v1', 'mobilenet_v2']) {
    for (const variable of build(name, [64, 64, 3]).variables) {
      const isRegularized = variable.name.endsWith('/weights');
      assert.equal(variable.weightDecay, isRegularized ? 0.004 : 0, variable.name);
    }
  }
});

test('mobilenet_v2 has these layers and parameters', () => {
  const { shapes, variables } = build('mobilenet_v2', [224, 224, 3], 1000);
  const depths = [16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320];
  const sides = [112, 56, 56, 28, 28, 28, 14, 14, 14, 14, 14, 14, 14, 7, 7, 7, 7];
  const expected: Shapes = { layer_1: [112, 112, 32] };
  let [side, channels] = [112, 32];
  depths.forEach((depth, i) => {
    const layer = `layer_${i + 2}`;
    const expanded = i === 0 ? channels : 6 * channels;
    if (i > 0) expected[`${layer}/expansion_output`] = [side, side, expanded];
    [side, channels] = [sides[i]!, depth];
    expected[`${layer}/depthwise_output`] = [side, side, expanded];
    expected[`${layer}/output`] = [side, side, depth];
    expected[layer] = [side, side, depth];
  });
  Object.assign(expected, {
    layer_19: [7, 7, 1280],
    global_pool: [1, 1, 1280],
    Logits: [1000],
    Predictions: [1000],
  });
  assert.deepEqual(Object.entries(shapes), Object.entries(expected));
  assert.equal(countParameters(variables), 3_504_872);
});

test('inception_v3 has these layers and parameters', () => {
  const { shapes, variables } = build('inception_v3', [299, 299, 3], 1000);
  assert.deepEqual(Object.entries(shapes), [
    ['Conv2d_1a_3x3', [149, 149, 32]],
    ['Conv2d_2a_3x3', [147, 147, 32]],
    ['Conv2d_2b_3x3', [147, 147, 64]],
    ['MaxPool_3a_3x3', [73, 73, 64]],
    ['Conv2d_3b_1x1', [73, 73, 80]],
    ['Conv2d_4a_3x3', [71, 71, 192]],
    ['MaxPool_5a_3x3', [35, 35, 192]],
    ['Mixed_5b', [35, 35, 256]],
    ['Mixed_5c', [35, 35, 288]],
    ['Mixed_5d', [35, 35, 288]],
    ['Mixed_6a', [17, 17, 768]],
    ['Mixed_6b', [17, 17, 768]],
    ['Mixed_6c', [17, 17, 768]],
    ['Mixed_6d', [17, 17, 768]],
    ['Mixed_6e', [17, 17, 768]],
    ['Mixed_7a', [8, 8, 1280]],
    ['Mixed_7b', [8, 8, 2048]],
    ['Mixed_7c', [8, 8, 2048]],
    ['AuxLogits', [1000]],
    ['AvgPool_1a', [1, 1, 2048]],
    ['PreLogits', [1, 1, 2048]],
    ['Logits', [1000]],
    ['Predictions', [1000]],
  ]);
  assert.equal(countParameters(variables), 27_143_152);
  // Without the classifiers, moving statistics included, TF-Slim's own test counts as many.
  const inBase = variables
    .filter(({ name }) => !/\/(AuxLogits|Logits)\//.test(name))
    .map((variable) => ({ ...variable, trainable: true }));
  assert.equal(countParameters(inBase), 21_802_784);
});

test('inception_v3 takes smaller images, with smaller windows of its classifiers', () => {
  const { shapes, variables } = build('inception_v3', [160, 160, 3]);
  assert.deepEqual(shapes['Mixed_7c'], [3, 3, 2048]);
  assert.deepEqual(shapes['Logits'], [10]);
  assert.ok(variables.some(({ name }) => name === 'InceptionV3/AuxLogits/Conv2d_2a_2x2/weights'));
});

test('resnet_v2_50 has these layers and parameters', () => {
  const { shapes, variables } = build('resnet_v2_50', [224, 224, 3], 1000);
  const expected: Shapes = { 'resnet_v2_50/conv1': [112, 112, 64] };
  let side = 56;
  [3, 4, 6, 3].forEach((count, i) => {
    const block = `resnet_v2_50/block${i + 1}`;
    const depth = 64 * 2 ** i;
    for (let number = 1; number <= count; number++) {
      const unit = `${block}/unit_${number}/bottleneck_v2`;
      const after = number === count && i < 3 ? side / 2 : side;
      if (number === 1) expected[`${unit}/shortcut`] = [side, side, 4 * depth];
      expected[`${unit}/conv1`] = [side, side, depth];
      expected[`${unit}/conv2`] = [after, after, depth];
      expected[`${unit}/conv3`] = [after, after, 4 * depth];
      expected[unit] = [after, after, 4 * depth];
      side = after;
    }
    expected[block] = [side, side, 4 * depth];
  });
  Object.assign(expected, {
    global_pool: [1, 1, 2048],
    'resnet_v2_50/logits': [1, 1, 1000],
    'resnet_v2_50/spatial_squeeze': [1000],
    predictions: [1000],
  });
  assert.deepEqual(Object.entries(shapes), Object.entries(expected));
  assert.equal(countParameters(variables), 25_568_360);
});

test('vgg_16 has these layers and the parameters of the paper', () => {
  const { shapes, variables } = build('vgg_16', [224, 224, 3], 1000);
  const expected: Shapes = {};
  let side = 224;
  [
    [2, 64],
    [2, 128],
    [3, 256],
    [3, 512],
    [3, 512],
  ].forEach(([count, depth], i) => {
    for (let k = 1; k <= count!; k++) {
      expected[`vgg_16/conv${i + 1}/conv${i + 1}_${k}`] = [side, side, depth!];
    }
    side /= 2;
    expected[`vgg_16/pool${i + 1}`] = [side, side, depth!];
  });
  Object.assign(expected, {
    'vgg_16/fc6': [1, 1, 4096],
    'vgg_16/fc7': [1, 1, 4096],
    'vgg_16/fc8': [1000],
  });
  assert.deepEqual(Object.entries(shapes), Object.entries(expected));
  assert.equal(countParameters(variables), 138_357_544);
});

test('vgg_16 says that an image is too small', () => {
  assert.throws(
    () => build('vgg_16', [192, 192, 3]),
    (error) =>
      error instanceof UserError && /vgg_16\/fc6: a window of 7 .* 6 pixels/.test(error.message),
  );
});

test('networks that end with a window say that an image is too large', () => {
  for (const [name, side] of [
    ['vgg_16', 256],
    ['mobilenet_v1', 320],
    ['inception_v3', 395],
  ] as const) {
    assert.throws(
      () => build(name, [side, side, 3]),
      (error) =>
        error instanceof UserError && /expected a height and width of 1/.test(error.message),
      name,
    );
  }
});
