import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import type { Tensor } from '../../src/graph/graph.ts';
import { add, mean } from '../../src/graph/ops/math.ts';
import { relu } from '../../src/graph/ops/nn.ts';
import { type ItemSums, itemSumsOf } from '../../src/insitu/itemSums.ts';
import { buildTrainingGraph } from '../../src/model/trainingGraph.ts';
import { conv2d, fullyConnected, softmax, type WeightLayerOptions } from '../../src/nets/layers.ts';
import type { NetworkDefinition } from '../../src/nets/network.ts';
import { preprocessedImages } from '../../src/preprocessing/itemInput.ts';
import { plainSgd, someFeeds, startSession, trainingGraph } from '../model/trainingSession.ts';

const normalized: WeightLayerOptions = { batchNorm: { decay: 0.9, epsilon: 1e-12 } };

/** Two residual units: the shortcut of the first is projected and normalised, the second's is not. */
const residual: NetworkDefinition = {
  defaultImageSize: 8,
  preprocessingName: 'lenet',
  build: (images, context) => {
    const linear = { ...normalized, activation: 'linear' } as const;
    const root = conv2d(context, images, 'root', 4, 3, normalized);
    const inner1 = conv2d(context, root, 'inner1', 6, 3, normalized);
    const shortcut1 = conv2d(context, root, 'shortcut1', 6, 1, linear);
    const unit1 = relu(add(conv2d(context, inner1, 'branch1', 6, 3, linear), shortcut1));
    const inner2 = conv2d(context, unit1, 'inner2', 6, 3, normalized);
    const branch2 = conv2d(context, inner2, 'branch2', 6, 3, linear);
    const unit2 = relu(add(branch2, unit1));
    const pooled = mean(unit2, [1, 2]);
    const logits = fullyConnected(context, pooled, 'logits', context.numClasses, {
      activation: 'linear',
    });
    const predictions = softmax(logits, 'predictions');
    const endPoints = { root, inner1, shortcut1, unit1, inner2, branch2, unit2, pooled, logits };
    return { logits, endPoints: new Map(Object.entries({ ...endPoints, predictions })) };
  },
};

const expected: Record<string, ItemSums> = {
  root: 'mixed',
  inner1: 'mixed',
  shortcut1: 'own',
  // Its shortcut goes past the normalisations of the second unit.
  unit1: 'own',
  inner2: 'mixed',
  branch2: 'own',
  unit2: 'own',
  pooled: 'own',
  logits: 'own',
  predictions: 'none',
};

function residualTraining(monitoredLayers: readonly string[]) {
  return buildTrainingGraph({
    network: residual,
    numClasses: 10,
    input: preprocessedImages([8, 8, 1]),
    weightDecay: 0,
    labelSmoothing: 0,
    computeType: 'float32',
    optimizer: plainSgd,
    selectionLayer: undefined,
    monitoredLayers,
  });
}

function kindsOf({ endPoints }: { endPoints: ReadonlyMap<string, Tensor> }, logits: string) {
  return Object.fromEntries(itemSumsOf(endPoints, endPoints.get(logits)!));
}

test('a layer is mixed when every way to the loss runs through a later batch normalisation', () => {
  assert.deepEqual(kindsOf(residualTraining([]), 'logits'), expected);
});

test('exactly at mixed layers the contributions of a batch cancel', async () => {
  const layers = Object.keys(expected).filter((name) => expected[name] !== 'none');
  const training = residualTraining(layers);
  const session = await startSession(await createWasmEngine(), training);
  const batchSize = 6;
  const rows = Array.from({ length: batchSize }, (_, row) => row);
  const outputs = await session.run('train', someFeeds([8, 8, 1], batchSize, 0, rows));
  await session.close();
  for (const layer of layers) {
    const data = Array.from(outputs[`${layer}/contribution`]!.data);
    const total = Math.abs(data.reduce((sum, value) => sum + value, 0));
    const size = data.reduce((sum, value) => sum + Math.abs(value), 0);
    assert.ok(size > 1e-4, `${layer}: ${data}`);
    if (expected[layer] === 'mixed') assert.ok(total < 1e-3 * size, `${layer}: ${data}`);
    else assert.ok(total > 1e-2 * size, `${layer}: ${data}`);
  }
});

test('in resnet_v1_50 only what follows the last projection shortcut is an item’s own', () => {
  const kinds = kindsOf(
    trainingGraph('resnet_v1_50', [32, 32, 3], []),
    'resnet_v1_50/spatial_squeeze',
  );
  const own = Object.keys(kinds).filter((name) => kinds[name] === 'own');
  const unit = (number: number) => `resnet_v1_50/block4/unit_${number}/bottleneck_v1`;
  assert.deepEqual(own, [
    `${unit(1)}/shortcut`,
    ...[1, 2, 3].flatMap((number) => [`${unit(number)}/conv3`, unit(number)]),
    'resnet_v1_50/block4',
    'global_pool',
    'resnet_v1_50/logits',
    'resnet_v1_50/spatial_squeeze',
  ]);
  assert.equal(kinds['predictions'], 'none');
});

test('without batch normalisation every layer’s sums are the items’ own', () => {
  for (const name of ['lenet', 'cifarnet']) {
    const { endPoints } = trainingGraph(name, [32, 32, 3], []);
    const kinds = kindsOf({ endPoints }, 'Logits');
    assert.deepEqual(
      new Set(
        Object.entries(kinds).flatMap(([layer, kind]) => (layer === 'Predictions' ? [] : kind)),
      ),
      new Set(['own']),
    );
    assert.equal(kinds['Predictions'], 'none');
  }
});
