import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Engine, HostTensor, Session } from '../../src/engines/engine.ts';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { sizeOf } from '../../src/graph/shape.ts';
import { buildTrainingGraph, type TrainingGraph } from '../../src/model/trainingGraph.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { hashed } from '../hashed.ts';
import { plainSgd } from '../model/trainingSession.ts';
import { getNetwork } from '../nets/getNetwork.ts';

interface Reference {
  itemLoss: number[];
  contribution: Record<string, number[]>;
  maps: Record<string, { C: number[]; R: number[] }>;
  tableGradient: number[];
}

/** From test/python/text_reference.py, which makes weights and tokens by the same hash. */
const reference = JSON.parse(
  readFileSync(join(packageRoot, 'test/insitu/textReference.golden.json'), 'utf8'),
) as Reference;

const [batch, time, words, classes] = [6, 12, 40, 5];
const layers = Object.keys(reference.contribution);

function referenceTokens(): Int32Array {
  const tokens = Int32Array.from(
    hashed(batch * time, 99),
    (value) => 1 + Math.floor(((value + 1) / 2) * (words - 1)),
  );
  tokens.fill(7, 2 * time, 3 * time);
  tokens.fill(0, 3 * time + 5, 4 * time);
  tokens.fill(0, 5 * time + 1, 6 * time);
  return tokens;
}

function textGraph(length = time): TrainingGraph {
  return buildTrainingGraph({
    network: getNetwork('textcnn'),
    numClasses: classes,
    input: { kind: 'texts', shape: [length], vocabulary: { size: words } },
    weightDecay: 0,
    labelSmoothing: 0,
    computeType: 'float32',
    optimizer: plainSgd,
    selectionLayer: 'Logits',
    monitoredLayers: layers,
  });
}

async function start(engine: Engine, graph: TrainingGraph, withBiases = true): Promise<Session> {
  const session = await engine.load(graph.graph, graph.signatures);
  const values: Record<string, HostTensor> = {};
  graph.variables.forEach(({ name, shape }, i) => {
    const data = Float32Array.from(hashed(sizeOf(shape), i + 1), (value) => value * 0.2);
    values[name] = { data: name.endsWith('biases') && !withBiases ? data.fill(0) : data, shape };
  });
  await session.run('assign', values);
  return session;
}

/** One training step on the reference batch, all of whose items are monitored. */
function step(session: Session, learningRate = 0, tokens = referenceTokens()) {
  const rows = Int32Array.from({ length: batch }, (_, row) => row);
  return session.run('train', {
    token_ids: { data: tokens, shape: [batch, tokens.length / batch] },
    labels: { data: rows.map((row) => (row * 3) % classes), shape: [batch] },
    learning_rate: { data: Float32Array.of(learningRate), shape: [] },
    dropout_seed: { data: Int32Array.of(3, 5), shape: [2] },
    monitor_rows: { data: rows, shape: [batch] },
  });
}

function assertClose(actual: HostTensor | undefined, expected: readonly number[], what: string) {
  assert.ok(actual, what);
  assert.equal(actual.data.length, expected.length, what);
  const scale = Math.max(...expected.map(Math.abs));
  expected.forEach((value, i) => {
    const off = Math.abs(actual.data[i]! - value);
    assert.ok(off <= 1e-4 * scale, `${what}[${i}]: got ${actual.data[i]}; expected ${value}`);
  });
}

const { engine: tensorflow, skip } = await tensorFlowOrSkip();
const wasm = await createWasmEngine();

for (const [name, engine, skipped] of [
  ['wasm', wasm, false],
  ['tensorflow', tensorflow, skip],
] as const) {
  test(`${name}: contributions of texts and of their words agree with GradientTape`, {
    skip: skipped,
  }, async () => {
    const session = await start(engine!, textGraph());
    const outputs = await step(session);
    for (const layer of layers) {
      assertClose(outputs[`${layer}/contribution`], reference.contribution[layer]!, layer);
    }
    for (const [layer, { C, R }] of Object.entries(reference.maps)) {
      assert.deepEqual(outputs[`${layer}/C`]!.shape, [batch, time]);
      assertClose(outputs[`${layer}/C`], C, `${layer}/C`);
      assertClose(outputs[`${layer}/R`], R, `${layer}/R`);
    }
    await session.close();
  });

  test(`${name}: a step moves the vectors of words by the gradient of all their uses`, {
    skip: skipped,
  }, async () => {
    const session = await start(engine!, textGraph());
    const vectors = async () =>
      (await session.run('read', {}))['TextCNN/embedding/embeddings']!.data.slice();
    const before = await vectors();
    await step(session, 1);
    const after = await vectors();
    const moved = Float32Array.from({ length: words }, (_, word) => {
      let sum = 0;
      for (let k = word * 64; k < (word + 1) * 64; k++) sum += before[k]! - after[k]!;
      return sum;
    });
    assertClose({ data: moved, shape: [words] }, reference.tableGradient, 'gradient');
    assert.equal(moved[0], 0, 'padding has no gradient');
    await session.close();
  });
}

test('both engines take the same training steps', { skip }, async () => {
  const sessions = [await start(tensorflow!, textGraph()), await start(wasm, textGraph())];
  for (let i = 0; i < 5; i++) for (const session of sessions) await step(session, 0.2);
  const [expected, actual] = await Promise.all(sessions.map((session) => session.run('read', {})));
  for (const [name, { data }] of Object.entries(expected!)) {
    assertClose(actual![name], [...data], name);
  }
  for (const session of sessions) await session.close();
});

test('maps exist where a layer has time, and C − R is the item’s contribution', async () => {
  assert.deepEqual(Object.keys(reference.maps), ['embedding', 'conv3', 'conv4', 'conv5']);
  const session = await start(wasm, textGraph());
  const outputs = await step(session);
  assert.equal(outputs['pooled/C'], undefined);
  assert.deepEqual(outputs['pooled/channels']!.shape, [batch, 300]);
  for (const layer of Object.keys(reference.maps)) {
    for (let row = 0; row < batch; row++) {
      let total = 0;
      for (let t = row * time; t < (row + 1) * time; t++) {
        total += outputs[`${layer}/C`]!.data[t]! - outputs[`${layer}/R`]!.data[t]!;
      }
      assert.ok(Math.abs(total - outputs[`${layer}/contribution`]!.data[row]!) < 1e-5);
    }
  }
  await session.close();
});

test('padding has neither contribution nor reduction, and its length changes nothing', async () => {
  const session = await start(wasm, textGraph());
  const outputs = await step(session);
  for (const layer of Object.keys(reference.maps)) {
    for (const map of ['C', 'R']) {
      const { data } = outputs[`${layer}/${map}`]!;
      assert.ok(data.subarray(3 * time + 5, 4 * time).every((value) => value === 0));
    }
  }
  const longer = new Int32Array(batch * 20);
  const tokens = referenceTokens();
  for (let row = 0; row < batch; row++) {
    longer.set(tokens.subarray(row * time, (row + 1) * time), row * 20);
  }
  const padded = await start(wasm, textGraph(20));
  const { 'Logits/contribution': contribution } = await step(padded, 0, longer);
  assertClose(contribution, [...outputs['Logits/contribution']!.data], 'contribution');
  for (const each of [session, padded]) await each.close();
});

test('at the logits a text’s contribution is cross-entropy minus entropy', async () => {
  const session = await start(wasm, textGraph());
  const outputs = await step(session);
  for (let row = 0; row < batch; row++) {
    const p = [...outputs['probabilities']!.data.subarray(row * classes, (row + 1) * classes)];
    const crossEntropy = -Math.log(p[(row * 3) % classes]!);
    const entropy = -p.reduce((sum, q) => sum + q * Math.log(q), 0);
    const contribution = outputs['Logits/contribution']!.data[row]!;
    assert.ok(Math.abs(contribution - (crossEntropy - entropy)) < 1e-5);
    assert.ok(Math.abs(crossEntropy - reference.itemLoss[row]!) < 1e-4);
  }
  await session.close();
});

test('without biases what a text contributes is the same before, across and after the convolutions', async () => {
  const session = await start(wasm, textGraph(), false);
  const outputs = await step(session);
  const at = (layer: string, row: number) => outputs[`${layer}/contribution`]!.data[row]!;
  for (let row = 0; row < batch; row++) {
    const expected = at('Logits', row);
    const convolutions = at('conv3', row) + at('conv4', row) + at('conv5', row);
    for (const sum of [at('embedding', row), convolutions, at('pooled', row), at('dropout', row)]) {
      assert.ok(Math.abs(sum - expected) < 1e-4 * Math.max(1, Math.abs(expected)));
    }
  }
  await session.close();
});
