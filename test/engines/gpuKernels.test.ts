import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { withDeterministicLoss } from '../../src/graph/deterministicLoss.ts';
import { Graph, type Node } from '../../src/graph/graph.ts';
import { placeholder, reshape, shapeOf } from '../../src/graph/ops/array.ts';
import { add } from '../../src/graph/ops/math.ts';
import { nodesBefore } from '../../src/graph/walk.ts';
import { buildInspectionGraph } from '../../src/inspection/inspectionGraph.ts';
import { optimizerNames } from '../../src/model/optimizerOptions.ts';
import { buildPredictionGraph } from '../../src/model/predictionGraph.ts';
import type { TrainingGraph, TrainingGraphOptions } from '../../src/model/trainingGraph.ts';
import type { NetworkDefinition } from '../../src/nets/network.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import type { GraphInput } from '../../src/preprocessing/itemInput.ts';
import { trainingGraph } from '../model/trainingSession.ts';
import { getNetwork } from '../nets/getNetwork.ts';
import { imagesFor } from '../preprocessing/imagesFor.ts';
import { gpuKernels, onHost, waysBackToHost, withoutGpuKernel } from './gpuKernels.ts';

const texts = { kind: 'texts', shape: [12], vocabulary: { size: 50 } } as const;
const imageShapeOf = (network: NetworkDefinition) => {
  const side = network.takes === 'texts' ? 1 : network.defaultImageSize;
  return [side, side, 3] as const;
};
const inputOf = (modelName: string): GraphInput => {
  const network = getNetwork(modelName);
  if (network.takes === 'texts') return texts;
  return imagesFor(network.preprocessingName, imageShapeOf(network));
};

/** Of each network, layers of each kind that maps are made of. Deeper ResNets are made of the same as this one. */
const monitoredLayers: Readonly<Record<string, readonly string[]>> = {
  cifarnet: ['conv1', 'pool2', 'fc3'],
  efficientnet_lite0: ['block_3/expansion_output', 'features', 'head_1x1'],
  inception_v3: ['Mixed_5d', 'Mixed_7c'],
  lenet: ['conv1', 'pool2', 'fc3'],
  mobilenet_v1: ['Conv2d_1_depthwise', 'Conv2d_13_pointwise'],
  mobilenet_v2: ['layer_4/output', 'layer_19'],
  resnet_v1_20: ['resnet_v1_20/block1', 'resnet_v1_20/block3'],
  resnet_v1_50: ['resnet_v1_50/block1', 'resnet_v1_50/block4'],
  resnet_v2_50: ['resnet_v2_50/block1', 'resnet_v2_50/block4'],
  textcnn: ['embedding'],
  vgg_16: ['vgg_16/pool1', 'vgg_16/fc7'],
};

/** The graph of a run with all that can be in one. */
function graphOf(
  modelName: string,
  computeType: 'float32' | 'bfloat16',
  optimizer: string,
  more: Partial<TrainingGraphOptions> = {},
): TrainingGraph {
  const layers = monitoredLayers[modelName]!;
  const imageShape = imageShapeOf(getNetwork(modelName));
  return trainingGraph(modelName, imageShape, layers, optimizer, {
    input: inputOf(modelName),
    computeType,
    // A layer before the logits, whose contributions are computed on their own.
    selectionLayer: layers.at(-1)!,
    labelSmoothing: 0.1,
    movingAverages: true,
    ...more,
  });
}

const networkOf = (modelName: string) => ({
  network: getNetwork(modelName),
  numClasses: 10,
  input: inputOf(modelName),
});

test('what looks into a network has GPU kernels, too', () => {
  for (const [modelName, layers] of Object.entries(monitoredLayers)) {
    for (const usesBatchStatistics of [false, true]) {
      const options = { ...networkOf(modelName), layers, usesBatchStatistics };
      assert.deepEqual(withoutGpuKernel(buildInspectionGraph(options).graph.nodes), [], modelName);
    }
  }
});

const computeTypes = ['float32', 'bfloat16'] as const;

/** What goes back to the host on purpose: of each step, between derivatives and update, whether it is finite. */
const wayBackOfSteps = 'Switch.pred ← IsFinite';

/**
 * Histograms take their range there, too. Only steps with summaries compute any, and those are few
 * (--save_summaries_secs).
 */
const waysBackOfTraining = [wayBackOfSteps, 'HistogramFixedWidth.value_range ← ConcatV2'];

/** What the host computes on purpose, while the GPU goes on: what it needs is fed, or known without the values. */
const hostOperations: Readonly<Record<string, string>> = {
  AddV2: 'the seed of each dropout, of the fed one',
  Const: 'axes and sizes',
  Greater: 'which tokens are words, of the fed ones',
  Merge: 'which of two ways was taken, which nothing asks for',
  Identity: 'the tokens of all monitored texts, which are the fed ones',
  Reshape: 'the size of the batch',
  Shape: 'sizes',
  Size: 'sizes',
  Slice: 'the size of the batch',
};

test('the table of GPU kernels is that of the TensorFlow that is installed', () => {
  const constraints = readFileSync(join(packageRoot, 'engine', 'constraints.txt'), 'utf8');
  assert.match(constraints, new RegExp(`^tensorflow==${gpuKernels.tensorflow}$`, 'm'));
});

for (const modelName of Object.keys(monitoredLayers)) {
  test(`all of ${modelName}'s graphs has GPU kernels, and a step waits for the host once`, () => {
    for (const computeType of computeTypes) {
      const { graph, signatures } = graphOf(modelName, computeType, 'momentum');
      assert.deepEqual(withoutGpuKernel(graph.nodes), [], computeType);
      assert.deepEqual(waysBackToHost(graph.nodes), waysBackOfTraining, computeType);
      for (const [name, expected] of [
        ['train', [wayBackOfSteps]],
        ['read', []],
        ['predict', []],
      ] as const) {
        const nodes = nodesBefore(Object.values(signatures[name]!.outputs));
        assert.deepEqual(waysBackToHost(nodes), expected, `${computeType} ${name}`);
      }
      for (const operation of onHost(graph.nodes)) {
        assert.ok(operation.split(' ')[0]! in hostOperations, operation);
      }
      const prediction = buildPredictionGraph({ ...networkOf(modelName), computeType });
      assert.deepEqual(withoutGpuKernel(prediction.graph.nodes), [], computeType);
      assert.deepEqual(waysBackToHost(prediction.graph.nodes), [], computeType);
    }
  });
}

test('clones have all of their network on a GPU of their own, and wait neither for each other nor for the host', () => {
  const clones = { count: 2, onCpu: false };
  for (const modelName of ['cifarnet', 'mobilenet_v2', 'textcnn']) {
    const { graph, signatures } = graphOf(modelName, 'bfloat16', 'momentum', { clones });
    for (const each of [graph, withDeterministicLoss(graph).graph]) {
      const onGpus = each.nodes.filter(({ device }) => device.startsWith('/device:GPU:'));
      assert.deepEqual(withoutGpuKernel(onGpus), [], modelName);
    }
    const isChange = ({ inputs }: Node) => inputs[0]?.dtype === 'resource';
    for (const node of graph.nodes) {
      // A sum of derivatives is where the tensor is that they are of.
      if (node.name.startsWith('gradients/AddN')) continue;
      const [, clone] = /^(?:gradients\/)?clone_(\d)\//.exec(node.name) ?? [];
      const own = clone === undefined || isChange(node) ? '/device:CPU:0' : `/device:GPU:${clone}`;
      const expected = node.name.startsWith('predict/') ? '/device:GPU:0' : own;
      assert.equal(node.device, expected, node.name);
    }
    for (const name of ['train_with_summaries', 'train_all_rows']) {
      const needed = nodesBefore(Object.values(signatures[name]!.outputs));
      const taken = [...needed]
        .filter(({ device }) => device !== '/device:CPU:0')
        .flatMap(({ device, inputs }) => inputs.filter(({ node }) => node.device !== device));
      assert.ok(taken.length > 0);
      for (const node of nodesBefore(taken)) assert.equal(node.device, '/device:CPU:0', node.name);
    }
  }
});

/** What TensorFlow 2.21 says, in the strings of its library, that it has no deterministic kernel for on a GPU. */
const neverDeterministic = [
  ...['AdjustContrast', 'AdjustContrastv2', 'Bincount', 'DenseBincount', 'Svd'],
  ...['CropAndResizeGradBoxes', 'CropAndResizeGradImage', 'ResizeNearestNeighborGrad'],
  ...['Dilation2DBackpropFilter', 'Dilation2DBackpropInput', 'MaxPoolGradWithArgmax'],
  ...['SoftmaxCrossEntropyWithLogits', 'SparseSoftmaxCrossEntropyWithLogits'],
  ...['SparseTensorDenseMatMul', 'DebugNumericSummaryV2', 'Timestamp'],
];

test('--deterministic leaves no operation in a training that has no deterministic kernel', () => {
  for (const modelName of Object.keys(monitoredLayers)) {
    const { graph } = withDeterministicLoss(graphOf(modelName, 'bfloat16', 'momentum').graph);
    const refused = graph.nodes.filter(
      ({ op, attrs }) =>
        neverDeterministic.includes(op) ||
        // Only the derivative with the statistics of the batch has one.
        (op === 'FusedBatchNormGradV3' && 'b' in attrs['is_training']! && !attrs['is_training'].b),
    );
    assert.deepEqual(
      refused.map(({ name }) => name),
      [],
      modelName,
    );
    assert.deepEqual(withoutGpuKernel(graph.nodes), [], modelName);
    assert.deepEqual(waysBackToHost(graph.nodes), waysBackOfTraining, modelName);
  }
});

test('every optimizer updates on the GPU', () => {
  for (const optimizer of optimizerNames) {
    for (const computeType of computeTypes) {
      const { graph } = graphOf('lenet', computeType, optimizer);
      assert.deepEqual(withoutGpuKernel(graph.nodes), [], optimizer);
    }
  }
});

test('an operation without a GPU kernel for its types is found', () => {
  const graph = new Graph();
  const x = placeholder(graph, 'float32', [-1], 'x');
  graph.addNode({
    op: 'MatMul',
    inputs: [x, x],
    attrs: { T: { type: 'int32' } },
    outputs: [{ dtype: 'int32', shape: [] }],
  });
  graph.addNode({ op: 'Unheard', outputs: [] });
  assert.deepEqual(withoutGpuKernel(graph.nodes), ['MatMul T=int32', 'Unheard']);
});

test('a value that goes from the GPU to the host is found, one that never was there is not', () => {
  const graph = new Graph();
  const x = placeholder(graph, 'float32', [-1], 'x');
  const flags = placeholder(graph, 'int32', [-1], 'flags');
  const y = add(x, x);
  reshape(y, [-1]);
  shapeOf(y);
  assert.deepEqual(waysBackToHost(graph.nodes), []);
  // A sum of integers is computed by the host; what SelectV2 chooses is on the GPU.
  const chosen = graph.addNode({
    op: 'SelectV2',
    inputs: [flags, flags, flags],
    attrs: { T: { type: 'int32' } },
    outputs: [{ dtype: 'int32', shape: [-1] }],
  });
  add(chosen.outputs[0]!, flags);
  assert.deepEqual(waysBackToHost(graph.nodes), ['AddV2.x ← SelectV2']);
});
