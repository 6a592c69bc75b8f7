import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { HostTensor, Session } from '../../src/engines/engine.ts';
import { sizeOf } from '../../src/graph/shape.ts';
import { optimizerDefaults } from '../../src/model/optimizerOptions.ts';
import { buildTrainingGraph, type TrainingGraph } from '../../src/model/trainingGraph.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { preprocessedImages } from '../../src/preprocessing/itemInput.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { getNetwork } from '../nets/getNetwork.ts';
import {
  batchSize,
  dropoutSeed,
  monitoredRows,
  referenceImages,
  referenceLabels,
  referenceWeights,
} from './reference.ts';

interface Reference {
  itemLoss: number[];
  contribution: Record<string, number[]>;
  maps: Record<string, { C: number[]; R: number[] }>;
}

const reference = JSON.parse(
  readFileSync(join(packageRoot, 'test/insitu/inSituReference.golden.json'), 'utf8'),
) as Reference;

const optimizer = { ...optimizerDefaults, optimizer: 'sgd' };

function lenetGraph(
  selectionLayer: string,
  monitoredLayers: string[],
  labelSmoothing = 0,
): TrainingGraph {
  return buildTrainingGraph({
    network: getNetwork('lenet'),
    numClasses: 10,
    input: preprocessedImages([28, 28, 1]),
    weightDecay: 0,
    labelSmoothing,
    computeType: 'float32',
    optimizer,
    selectionLayer,
    monitoredLayers,
  });
}

async function assignReferenceWeights(
  session: Session,
  { variables }: TrainingGraph,
): Promise<void> {
  const values: Record<string, HostTensor> = {};
  variables.forEach(({ name, shape }, i) => {
    values[name] = { data: referenceWeights(i, sizeOf(shape)), shape };
  });
  await session.run('assign', values);
}

const allRows = Array.from({ length: batchSize }, (_, row) => row);

/** One training step on the reference batch. @param rows  to monitor; null where the graph has none */
function trainStep(
  session: Session,
  learningRate = 0,
  rows: readonly number[] | null = monitoredRows,
): Promise<Record<string, HostTensor>> {
  return session.run('train', {
    images: { data: referenceImages(), shape: [batchSize, 28, 28, 1] },
    labels: { data: referenceLabels(), shape: [batchSize] },
    learning_rate: { data: Float32Array.of(learningRate), shape: [] },
    dropout_seed: { data: Int32Array.from(dropoutSeed), shape: [2] },
    ...(rows && { monitor_rows: { data: Int32Array.from(rows), shape: [rows.length] } }),
  });
}

/** The contribution at Hs of every item, the first of the packed scores. */
function contributionOf(outputs: Record<string, HostTensor>): HostTensor {
  return { data: outputs['scores']!.data.slice(0, batchSize), shape: [batchSize] };
}

/** Every number within `tolerance` of the expected one, relative to the largest expected. */
function assertClose(
  actual: HostTensor | undefined,
  expected: readonly number[],
  tolerance: number,
  what: string,
): void {
  assert.ok(actual, what);
  assert.equal(actual.data.length, expected.length, what);
  const scale = Math.max(...expected.map(Math.abs));
  expected.forEach((value, i) => {
    const error = Math.abs(actual.data[i]! - value);
    assert.ok(
      error <= tolerance * scale,
      `${what}[${i}]: got ${actual.data[i]}; expected ${value}`,
    );
  });
}

const { engine, skip } = await tensorFlowOrSkip();

test('per-item contributions of every layer agree with GradientTape', { skip }, async () => {
  const graph = lenetGraph('Logits', Object.keys(reference.contribution));
  const session = await engine!.load(graph.graph, graph.signatures);
  await assignReferenceWeights(session, graph);
  const outputs = await trainStep(session, 0, allRows);
  await session.close();
  for (const [layer, expected] of Object.entries(reference.contribution)) {
    assertClose(outputs[`${layer}/contribution`], expected, 1e-4, layer);
  }
});

test('the layer that guides the selection ranks by the same contributions', { skip }, async () => {
  for (const layer of ['conv1', 'fc3', 'Logits']) {
    const graph = lenetGraph(layer, ['pool1']);
    const session = await engine!.load(graph.graph, graph.signatures);
    await assignReferenceWeights(session, graph);
    const expected = reference.contribution[layer]!;
    assertClose(contributionOf(await trainStep(session)), expected, 1e-4, layer);
    await session.close();
  }
});

test('C, R and contributions of monitored rows agree with GradientTape', { skip }, async () => {
  const graph = lenetGraph('Logits', ['pool2', 'pool1', 'fc3']);
  assert.deepEqual(graph.monitoredLayers, ['pool1', 'pool2', 'fc3']);
  const session = await engine!.load(graph.graph, graph.signatures);
  await assignReferenceWeights(session, graph);
  const outputs = await trainStep(session);
  for (const [layer, { C, R }] of Object.entries(reference.maps)) {
    assertClose(outputs[`${layer}/C`], C, 1e-4, `${layer}/C`);
    assertClose(outputs[`${layer}/R`], R, 1e-4, `${layer}/R`);
  }
  assert.deepEqual(outputs['pool1/C']!.shape, [2, 14, 14]);
  assert.deepEqual(outputs['pool2/R']!.shape, [2, 7, 7]);
  for (const layer of graph.monitoredLayers) {
    const expected = monitoredRows.map((row) => reference.contribution[layer]![row]!);
    assertClose(outputs[`${layer}/contribution`], expected, 1e-4, layer);
  }
  assert.deepEqual(outputs['fc3/channels']!.shape, [2, 1024]);
  await session.close();
});

test('C − R summed over a map is the item’s contribution', { skip }, async () => {
  const graph = lenetGraph('Logits', ['pool1']);
  const session = await engine!.load(graph.graph, graph.signatures);
  await assignReferenceWeights(session, graph);
  const outputs = await trainStep(session);
  monitoredRows.forEach((_, i) => {
    let total = 0;
    for (let pixel = i * 196; pixel < (i + 1) * 196; pixel++) {
      const c = outputs['pool1/C']!.data[pixel]!;
      const r = outputs['pool1/R']!.data[pixel]!;
      assert.ok(c >= 0 && r >= 0);
      total += c - r;
    }
    assert.ok(Math.abs(total - outputs['pool1/contribution']!.data[i]!) < 1e-4);
  });
  await session.close();
});

test('at the logits a contribution is cross-entropy minus entropy', { skip }, async () => {
  // As a monitored layer the logits have their Σ f·b taken as it stands.
  const graph = lenetGraph('Logits', ['Logits']);
  const session = await engine!.load(graph.graph, graph.signatures);
  await assignReferenceWeights(session, graph);
  const outputs = await trainStep(session);
  const { probabilities } = outputs;
  const labels = referenceLabels();
  for (let item = 0; item < batchSize; item++) {
    const p = [...probabilities!.data.subarray(item * 10, (item + 1) * 10)];
    const crossEntropy = -Math.log(p[labels[item]!]!);
    const entropy = -p.reduce((sum, q) => sum + q * Math.log(q), 0);
    const expected = crossEntropy - entropy;
    assert.ok(Math.abs(contributionOf(outputs).data[item]! - expected) < 1e-5);
    const monitored = monitoredRows.indexOf(item);
    if (monitored >= 0) {
      const sum = outputs['Logits/contribution']!.data[monitored]!;
      assert.ok(Math.abs(sum - expected) < 1e-5);
    }
    assert.ok(Math.abs(crossEntropy - reference.itemLoss[item]!) < 1e-4);
  }
  await session.close();
});

test('without biases every layer gives an item the same contribution', { skip }, async () => {
  const layers = ['conv1', 'pool1', 'conv2', 'pool2', 'Flatten', 'fc3', 'dropout3', 'Logits'];
  const graph = lenetGraph('Logits', layers);
  const session = await engine!.load(graph.graph, graph.signatures);
  const values: Record<string, HostTensor> = {};
  graph.variables.forEach(({ name, shape }, i) => {
    const data = referenceWeights(i, sizeOf(shape));
    values[name] = { data: name.endsWith('biases') ? data.fill(0) : data, shape };
  });
  await session.run('assign', values);
  const outputs = await trainStep(session, 0, allRows);
  await session.close();
  const atLogits = outputs['Logits/contribution']!.data;
  for (const layer of layers) {
    outputs[`${layer}/contribution`]!.data.forEach((value, item) => {
      assert.ok(Math.abs(value - atLogits[item]!) < 1e-4 * Math.max(1, Math.abs(value)), layer);
    });
  }
});

test('with biases, layers differ by the bias terms alone', { skip }, async () => {
  // Euler: S at pool2 is S at the logits less Σ bias·dL/dbias of the layers behind pool2.
  const graph = lenetGraph('pool2', ['Logits']);
  const session = await engine!.load(graph.graph, graph.signatures);
  await assignReferenceWeights(session, graph);
  const outputs = await trainStep(session, 1);
  const trained = await session.run('read', {});
  await session.close();
  let biasTerms = 0;
  graph.variables.forEach(({ name, shape }, i) => {
    if (!/fc[34].biases/.test(name)) return;
    referenceWeights(i, sizeOf(shape)).forEach((bias, k) => {
      // One step of gradient descent at rate 1 moves a bias by its gradient.
      biasTerms += bias * (bias - trained[name]!.data[k]!);
    });
  });
  // The gradients are of the batch mean, so the means of the contributions are compared.
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / batchSize;
  const atPool2 = mean([...contributionOf(outputs).data]);
  const atLogits = mean(reference.contribution['Logits']!);
  assert.ok(Math.abs(biasTerms) > 0.01);
  assert.ok(Math.abs(atPool2 - (atLogits - biasTerms)) < 1e-4);
});

test('label smoothing changes the loss, but no score at the logits', { skip }, async () => {
  const outputs: Record<string, HostTensor>[] = [];
  for (const labelSmoothing of [0, 0.3]) {
    const graph = lenetGraph('Logits', [], labelSmoothing);
    const session = await engine!.load(graph.graph, graph.signatures);
    await assignReferenceWeights(session, graph);
    outputs.push(await trainStep(session, 0, null));
    await session.close();
  }
  const [plain, smoothed] = outputs as [Record<string, HostTensor>, Record<string, HostTensor>];
  assert.notEqual(plain['cross_entropy']!.data[0], smoothed['cross_entropy']!.data[0]);
  assert.deepEqual(smoothed['scores'], plain['scores']);
});

test('with and without scores and in situ layers a step trains bit-equal weights', {
  skip,
}, async () => {
  const trained: Record<string, HostTensor>[] = [];
  for (const [hs, hm] of [
    ['', []],
    ['Logits', []],
    ['Logits', ['pool1', 'pool2', 'conv1', 'fc3']],
    ['pool2', ['pool1']],
  ] as const) {
    const graph = lenetGraph(hs, [...hm]);
    const session = await engine!.load(graph.graph, graph.signatures);
    await assignReferenceWeights(session, graph);
    for (let step = 0; step < 3; step++) {
      await trainStep(session, 0.1, hm.length > 0 ? monitoredRows : null);
    }
    trained.push(await session.run('read', {}));
    await session.close();
  }
  const [without, ...others] = trained;
  for (const withScores of others) {
    for (const name of Object.keys(without!)) {
      assert.deepEqual(withScores[name]!.data, without![name]!.data, name);
    }
  }
});
