import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CheckpointWriter } from '../../src/checkpoint/checkpointWriter.ts';
import type { Engine, HostTensor, Session } from '../../src/engines/engine.ts';
import { choosePrecision } from '../../src/engines/precision.ts';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { UsageError } from '../../src/errors.ts';
import type { SummaryValue } from '../../src/events/summaries.ts';
import { readLayerStatistics } from '../../src/model/layerStatistics.ts';
import { averageName, beginAverages } from '../../src/model/movingAverages.ts';
import type { TrainingGraph } from '../../src/model/trainingGraph.ts';
import { flatten, fullyConnected } from '../../src/nets/layers.ts';
import type { NetworkDefinition } from '../../src/nets/network.ts';
import { restoreRun, saveRun } from '../../src/training/checkpointing.ts';
import { layerSummaries, variableSummaries } from '../../src/training/stepSummaries.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { temporaryFolder } from '../losslens.ts';
import { tinyImageShape, tinyNetwork, tinyTrainingGraph } from './tinyNetwork.ts';
import { plainSgd, someFeeds, startSession, trainingGraph } from './trainingSession.ts';

const batchSize = 6;

function feeds(step: number, more: Record<string, HostTensor> = {}): Record<string, HostTensor> {
  return { ...someFeeds(tinyImageShape, batchSize, step, undefined, 0.1), ...more };
}

/** The first score, the contribution at Hs, of each item of a step. */
function contributions(outputs: Record<string, HostTensor>): Float32Array {
  return outputs['scores']!.data.slice(0, batchSize) as Float32Array;
}

/** Rows [left, right, count] of a histogram. */
function rowsOf({ tensor }: SummaryValue): number[][] {
  const values = [...new Float64Array((tensor['tensor_content'] as Uint8Array).buffer)];
  return Array.from({ length: values.length / 3 }, (_, i) => values.slice(3 * i, 3 * i + 3));
}

function total(rows: readonly number[][]): number {
  return rows.reduce((sum, [, , count]) => sum + count!, 0);
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
}

const { engine: tensorflow, skip: skipTensorflow } = await tensorFlowOrSkip();
const engines: [name: string, engine: Engine | null, skip: string | false][] = [
  ['wasm', await createWasmEngine(), false],
  ['tensorflow', tensorflow, skipTensorflow],
];

/** Relative to the largest value: single precision, summed in different orders. */
const rounding = 2e-6;

for (const [name, engine, skip] of engines) {
  test(`all rows of a batch are what each row is, and the step is the same, on ${name}`, {
    skip,
  }, async () => {
    const layers = ['conv1', 'pool1', 'conv2', 'Logits'];
    const graph = tinyTrainingGraph({ monitoredLayers: layers });
    const rows = Int32Array.from({ length: batchSize }, (_, row) => row);
    const monitorRows = { data: rows, shape: [batchSize] };
    const [session, other] = await Promise.all([0, 1].map(() => startSession(engine!, graph)));
    for (const step of [0, 1]) {
      const ofRows = await session!.run('train', feeds(step, { monitor_rows: monitorRows }));
      const ofAll = await other!.run('train_all_rows', feeds(step));
      assert.deepEqual(Object.keys(ofAll).sort(), Object.keys(ofRows).sort());
      assert.deepEqual(ofAll['total_loss'], ofRows['total_loss']);
      for (const key of Object.keys(ofRows)) {
        const [expected, actual] = [ofRows[key]!, ofAll[key]!];
        assert.deepEqual(actual.shape, expected.shape, key);
        const scale = Math.max(...Array.from(expected.data, Math.abs));
        assert.ok(largestDifference(actual.data, expected.data) <= rounding * scale, key);
        if (/\/[CR]$/.test(key))
          assert.ok(
            actual.data.every((value) => value >= 0),
            key,
          );
      }
    }
    await Promise.all([session!.close(), other!.close()]);
  });

  test(`label smoothing changes the training but not the contributions on ${name}`, {
    skip,
  }, async () => {
    const results = [];
    for (const labelSmoothing of [0, 0.2]) {
      const graph = tinyTrainingGraph({ labelSmoothing, selectionLayer: 'pool1' });
      const session = await startSession(engine!, graph);
      const outputs = await session.run('train', feeds(0));
      results.push({
        outputs,
        weights: (await session.run('read', {}))['Tiny/conv2/weights']!.data,
      });
      await session.close();
    }
    const [hard, smooth] = results;
    assert.ok(largestDifference(hard!.weights, smooth!.weights) > 1e-4);
    assert.notEqual(
      hard!.outputs['cross_entropy']!.data[0],
      smooth!.outputs['cross_entropy']!.data[0],
    );
    const expected = contributions(hard!.outputs);
    assert.ok(Math.max(...expected.map(Math.abs)) > 0.1);
    assert.ok(largestDifference(contributions(smooth!.outputs), expected) < 1e-5);
  });

  test(`an auxiliary classifier changes the training but not the contributions on ${name}`, {
    skip,
  }, async () => {
    const results: Record<'outputs' | 'weights', Record<string, HostTensor>>[] = [];
    for (const weight of [undefined, 0.4, 0.8]) {
      const network: NetworkDefinition = {
        ...tinyNetwork,
        build: (images, context) => {
          const { logits, endPoints } = tinyNetwork.build(images, context);
          const flat = flatten(endPoints.get('pool1')!);
          const options = { activation: 'linear' } as const;
          const second = fullyConnected(context, flat, 'Aux', context.numClasses, options);
          const auxiliary = weight === undefined ? {} : { auxiliary: { logits: second, weight } };
          return { logits, endPoints, ...auxiliary };
        },
      };
      const graph = tinyTrainingGraph({ network, selectionLayer: 'pool1' });
      const session = await startSession(engine!, graph);
      const outputs = await session.run('train_with_summaries', feeds(0));
      const weights = await session.run('read', {});
      results.push({ outputs, weights });
      await session.close();
    }
    const [alone, both, heavier] = results;
    const numberOf = (result: (typeof results)[number], key: string) =>
      result.outputs[key]!.data[0]!;
    const added = numberOf(both!, 'scalar:losses/aux_loss/value');
    assert.ok(added > 0.1);
    for (const [result, times] of [
      [alone!, 0],
      [both!, 1],
      [heavier!, 2],
    ] as const) {
      const expected = numberOf(alone!, 'total_loss') + times * added;
      assert.ok(Math.abs(numberOf(result, 'total_loss') - expected) < 1e-5);
    }
    assert.equal(numberOf(alone!, 'cross_entropy'), numberOf(both!, 'cross_entropy'));
    const moved = ({ weights }: (typeof results)[number]) => weights['Tiny/conv1/weights']!.data;
    assert.ok(largestDifference(moved(alone!), moved(both!)) > 1e-5);
    const expected = contributions(alone!.outputs);
    assert.ok(Math.max(...expected.map(Math.abs)) > 0.1);
    assert.ok(largestDifference(contributions(both!.outputs), expected) < 1e-5);
  });

  test(`moving averages take the variables’ values after each step on ${name}`, {
    skip,
  }, async () => {
    const graph = tinyTrainingGraph({ movingAverages: true });
    const session = await startSession(engine!, graph);
    await session.run('assign', beginAverages(await session.run('read', {})));
    const names = graph.modelVariables.map((variable) => variable.name);
    assert.ok(names.includes('Tiny/conv1/BatchNorm/moving_mean'));
    const initial = await session.run('read', {});
    const expected = new Map(names.map((name) => [name, Float64Array.from(initial[name]!.data)]));
    for (const [step, decay] of [0.1, 2 / 11, 0.25].entries()) {
      const moving_average_decay = { data: Float32Array.of(decay), shape: [] };
      await session.run('train', feeds(step, { moving_average_decay }));
      const values = await session.run('read', {});
      for (const [name, average] of expected) {
        values[name]!.data.forEach((value, i) => {
          average[i] = decay * average[i]! + (1 - decay) * value;
        });
        const actual = values[averageName(name)]!.data;
        assert.ok(largestDifference(actual, average as never) < 1e-5, `${name}, step ${step}`);
      }
    }
    await session.close();
  });

  test(`only what is in the trainable scopes is trained, statistics move anyway on ${name}`, {
    skip,
  }, async () => {
    const frozen = tinyTrainingGraph({ trainableScopes: ['Tiny/logits', 'Tiny/conv2/bias'] });
    const session = await startSession(engine!, frozen);
    const before = await session.run('read', {});
    const { total_loss, cross_entropy } = await session.run('train', feeds(0));
    const after = await session.run('read', {});
    await session.close();
    const changed = frozen.modelVariables
      .map((variable) => variable.name)
      .filter((name) => largestDifference(before[name]!.data, after[name]!.data) > 0);
    assert.deepEqual(changed.sort(), [
      'Tiny/conv1/BatchNorm/moving_mean',
      'Tiny/conv1/BatchNorm/moving_variance',
      'Tiny/conv2/biases',
      'Tiny/logits/biases',
      'Tiny/logits/weights',
    ]);
    const squares = ['Tiny/conv1/weights', 'Tiny/conv2/weights']
      .flatMap((name) => [...before[name]!.data])
      .reduce((sum, w) => sum + w * w, 0);
    const penalty = total_loss!.data[0]! - cross_entropy!.data[0]!;
    assert.ok(Math.abs(penalty - (0.01 * squares) / 2) < 1e-5);
  });

  test(`steps with summaries train bit-equal weights and count every value on ${name}`, {
    skip,
  }, async () => {
    const graph = tinyTrainingGraph({ monitoredLayers: ['pool1'] });
    const sessions = [await startSession(engine!, graph), await startSession(engine!, graph)];
    let outputs: Record<string, HostTensor> = {};
    for (let step = 0; step < 3; step++) {
      const monitor_rows = { data: Int32Array.of(1), shape: [1] };
      await sessions[0]!.run('train', feeds(step, { monitor_rows }));
      outputs = await sessions[1]!.run('train_with_summaries', feeds(step, { monitor_rows }));
    }
    assert.deepEqual(await sessions[0]!.run('read', {}), await sessions[1]!.run('read', {}));
    for (const session of sessions) await session.close();

    const summaries = new Map(
      layerSummaries(readLayerStatistics(outputs)).map((value) => [value.tag, value]),
    );
    for (const endPoint of graph.endPoints.keys()) {
      assert.ok(summaries.has(`activations/${endPoint}`), endPoint);
      assert.ok(summaries.has(`sparsity/${endPoint}`), endPoint);
    }
    assert.ok(summaries.has('regularization_loss'));
    const rows = rowsOf(summaries.get('activations/Logits')!);
    assert.equal(rows.length, 30);
    assert.equal(total(rows), batchSize * 10);
    // An item's logits lie as far apart as the logarithms of its probabilities.
    for (let row = 0; row < batchSize; row++) {
      const ofItem = outputs['probabilities']!.data.slice(row * 10, (row + 1) * 10);
      const range = Math.log(Math.max(...ofItem) / Math.min(...ofItem));
      assert.ok(rows[29]![1]! - rows[0]![0]! > range - 1e-4);
    }
    const share = (summaries.get('sparsity/conv2')!.tensor['float_val'] as number[])[0]!;
    const atZero = rowsOf(summaries.get('activations/conv2')!)[0]!;
    // After a ReLU the first bin begins at zero.
    assert.equal(atZero[0], 0);
    assert.ok(share > 0.1 && share * batchSize * 4 * 4 * 6 <= atZero[2]! + 1e-3);
  });

  test(`a loss that is no number is reported by the step, summaries or not, on ${name}`, {
    skip,
  }, async () => {
    const session = await startSession(engine!, tinyTrainingGraph());
    const values = await session.run('read', {});
    const weights = values['Tiny/conv1/weights']!;
    await session.run('assign', {
      ...values,
      'Tiny/conv1/weights': { ...weights, data: weights.data.map(() => Number.NaN) },
    });
    const outputs = await session.run('train_with_summaries', feeds(0));
    assert.ok(Number.isNaN(outputs['total_loss']!.data[0]));
    assert.ok(layerSummaries(readLayerStatistics(outputs)).length > 0);
    await session.close();
  });
}

/** Trains some steps of what was begun, and returns all variables. */
async function trainOn(
  session: Session,
  shape: readonly [number, number, number],
  steps: number[],
) {
  for (const step of steps) {
    const moving_average_decay = { data: Float32Array.of(0.5), shape: [] };
    await session.run('train', { ...someFeeds(shape, 4, step, undefined), moving_average_decay });
  }
  return session.run('read', {});
}

async function assertResumes(
  engine: Engine,
  graph: TrainingGraph,
  shape: readonly [number, number, number],
): Promise<void> {
  const whole = await startSession(engine, graph);
  const expected = await trainOn(whole, shape, [0, 1, 2, 3]);
  await whole.close();
  const first = await startSession(engine, graph);
  await trainOn(first, shape, [0, 1]);
  const folder = temporaryFolder();
  const state = {
    ...{ batchSize: 4, seed: 0, sourceSize: 16, dataDigest: '' },
    ...{ skippedSteps: 0, skippedInARow: 0, inSitu: null },
  };
  const writer = new CheckpointWriter(folder, 5);
  await saveRun(writer, 2, await first.run('read', {}), state);
  await writer.close();
  await first.close();
  const restored = (await restoreRun(folder, graph.variables))!;
  assert.equal(restored.step, 2);
  const second = await engine.load(graph.graph, graph.signatures);
  await second.run('assign', restored.values);
  assert.deepEqual(await trainOn(second, shape, [2, 3]), expected);
  await second.close();
}

for (const [name, engine, skip] of engines) {
  test(`adam, moving averages and batch statistics resume bit by bit on ${name}`, {
    skip,
  }, async () => {
    for (const optimizer of ['adam', 'rmsprop', 'ftrl']) {
      const options = { optimizer: { ...plainSgd, optimizer }, movingAverages: true };
      await assertResumes(engine!, tinyTrainingGraph(options), tinyImageShape);
    }
  });
}

test('a variable’s histogram counts every value between the least and the greatest', () => {
  const data = Float32Array.from([-1, 2, 0.5, 0.5, Number.NaN, -0.95]);
  const [summary, constant] = variableSummaries(
    {
      w: { data, shape: [6] },
      b: { data: new Float32Array(4).fill(3), shape: [4] },
    },
    ['w', 'b'],
  );
  const rows = rowsOf(summary!);
  assert.equal(summary!.tag, 'variables/w');
  assert.equal(rows.length, 30);
  assert.deepEqual(rows[0], [-1, -0.9, 2]);
  assert.deepEqual([rows[15]![2], rows[29]![1], rows[29]![2]], [2, 2, 1]);
  assert.equal(total(rows), 5);
  assert.deepEqual(rowsOf(constant!), [[2.5, 3.5, 4]]);
});

test('a frozen scope that no variable is in is an error that lists those that there are', () => {
  assert.throws(
    () => tinyTrainingGraph({ trainableScopes: ['LeNet/fc4'] }),
    (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(
        error.message,
        /--trainable_scopes: got "LeNet\/fc4".*Tiny\/conv1, .*Tiny\/logits/,
      );
      return true;
    },
  );
});

test('auto takes bfloat16 where the engine is fast at it, and only float32 works everywhere', () => {
  const withSupport = (support: 'none' | 'slow' | 'untried' | 'fast') =>
    ({ bfloat16: { support, reason: 'because' } }) as Engine;
  assert.equal(choosePrecision('auto', withSupport('fast')).computeType, 'bfloat16');
  assert.equal(choosePrecision('auto', withSupport('slow')).computeType, 'float32');
  assert.equal(choosePrecision('auto', withSupport('untried')).computeType, 'float32');
  assert.equal(choosePrecision('auto', withSupport('none')).computeType, 'float32');
  assert.equal(choosePrecision('bfloat16', withSupport('slow')).computeType, 'bfloat16');
  assert.equal(choosePrecision('float32', withSupport('fast')).computeType, 'float32');
  // A run goes on as it began, where it can.
  assert.equal(choosePrecision('auto', withSupport('fast'), 'float32').computeType, 'float32');
  assert.equal(choosePrecision('auto', withSupport('slow'), 'bfloat16').computeType, 'bfloat16');
  assert.equal(choosePrecision('auto', withSupport('none'), 'bfloat16').computeType, 'float32');
  assert.throws(
    () => choosePrecision('bfloat16', withSupport('none')),
    /--precision: got "bfloat16", but because; expected float32/,
  );
});

test('bfloat16 takes a step close to float32’s', {
  skip: skipTensorflow,
}, async () => {
  const shape = [32, 32, 3] as const;
  const steps = async (computeType: 'float32' | 'bfloat16') => {
    const graph = trainingGraph('cifarnet', shape, ['pool1', 'fc3'], 'sgd', { computeType });
    const session = await startSession(tensorflow!, graph);
    const outputs = await session.run('train', someFeeds(shape, 16, 0, [0, 5, 11]));
    const weights = await session.run('read', {});
    await session.close();
    return { outputs, weights };
  };
  const exact = await steps('float32');
  const rounded = await steps('bfloat16');
  // Eight bits of mantissa: each rounding is of 2⁻⁹ at most, relative to the value.
  const loss = exact.outputs['cross_entropy']!.data[0]!;
  assert.ok(Math.abs(rounded.outputs['cross_entropy']!.data[0]! - loss) < 0.01 * loss);
  for (const [name, expected] of Object.entries(exact.outputs)) {
    if (!/\/(C|R|channels|contribution)$/.test(name)) continue;
    const { data } = rounded.outputs[name]!;
    const error = Math.hypot(...data.map((value, i) => value - expected.data[i]!));
    assert.ok(error < 0.1 * Math.hypot(...expected.data), `${name}: ${error}`);
  }
  const before = await startSession(tensorflow!, trainingGraph('cifarnet', shape, []));
  const initial = await before.run('read', {});
  await before.close();
  for (const [name, { data }] of Object.entries(exact.weights)) {
    const step = data.map((value, i) => value - initial[name]!.data[i]!);
    const size = Math.hypot(...step.filter((_, i) => i < 50_000));
    const error = rounded.weights[name]!.data.map((value, i) => value - data[i]!);
    assert.ok(Math.hypot(...error.filter((_, i) => i < 50_000)) < 0.2 * size, name);
  }
});

test('bfloat16 learns what float32 learns', { skip: skipTensorflow }, async () => {
  for (const computeType of ['float32', 'bfloat16'] as const) {
    const optimizer = { ...plainSgd, optimizer: 'momentum' };
    const session = await startSession(
      tensorflow!,
      tinyTrainingGraph({ computeType, optimizer, selectionLayer: 'conv2' }),
    );
    const losses: number[] = [];
    for (let step = 0; step < 80; step++) {
      const outputs = await session.run(
        'train',
        someFeeds(tinyImageShape, 32, step, undefined, 0.02),
      );
      losses.push(outputs['cross_entropy']!.data[0]!);
    }
    await session.close();
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    assert.ok(mean(losses.slice(0, 5)) > 2, computeType);
    assert.ok(mean(losses.slice(-20)) < 0.1, `${computeType}: ${losses.slice(-20)}`);
  }
});

test('the graph has its layers by their full names, whatever they were asked for by', () => {
  const { selectionLayer, monitoredLayers, signatures } = tinyTrainingGraph({
    selectionLayer: 'logits',
    monitoredLayers: ['POOL1', 'Conv1'],
  });
  assert.equal(selectionLayer, 'Logits');
  assert.deepEqual(monitoredLayers, ['conv1', 'pool1']);
  assert.ok('pool1/contribution' in signatures['train']!.outputs);
});

test('the scopes head and all are the layer of the classes and every one', () => {
  /** What a step changes by the optimizer. */
  const trained = (...trainableScopes: string[]) => {
    const { graph } = tinyTrainingGraph({ trainableScopes });
    return graph.nodes
      .filter(({ op }) => op === 'ResourceApplyGradientDescent')
      .map(({ inputs }) => inputs[0]!.node.name)
      .sort();
  };
  assert.deepEqual(trained('head'), ['Tiny/logits/biases', 'Tiny/logits/weights']);
  assert.deepEqual(trained('all'), trained());
  assert.deepEqual(trained('head', 'Tiny/conv2'), trained('Tiny/logits', 'Tiny/conv2'));
});

test('factors of the learning rate go by scopes; of several that fit, the last counts', () => {
  /** The factor that each update's rate is multiplied by. */
  const factors = (...learningRateScopes: string[]) => {
    const { graph } = tinyTrainingGraph({ learningRateScopes });
    const updates = graph.nodes.filter(({ op }) => op === 'ResourceApplyGradientDescent');
    return Object.fromEntries(
      updates.map(({ inputs: [handle, rate] }) => {
        const value = rate!.node.inputs[1]?.node.attrs['value'];
        const factor = value && 'tensor' in value ? value.tensor.data[0]! : 1;
        return [handle!.node.name, Math.fround(factor)];
      }),
    );
  };
  const all = factors('all=0.5', 'Tiny/conv1=0.25', 'head=8');
  assert.equal(all['Tiny/conv1/weights'], 0.25);
  assert.equal(all['Tiny/conv2/weights'], 0.5);
  assert.equal(all['Tiny/logits/weights'], 8);
  assert.equal(factors('head=8')['Tiny/conv2/weights'], 1);
});

test('factors that are no numbers above 0, and scopes that nothing is in, are refused', () => {
  const refused = (entry: string) => () => tinyTrainingGraph({ learningRateScopes: [entry] });
  for (const entry of ['head', 'head=', 'head=0', 'head=-1', 'head=fast', '=2']) {
    assert.throws(refused(entry), /--learning_rate_scopes: got ".*"; expected SCOPE=FACTOR/, entry);
  }
  assert.throws(
    refused('Tiny/conv3=2'),
    /--learning_rate_scopes: got "Tiny\/conv3"; .*Tiny\/conv1/,
  );
  assert.throws(
    () => tinyTrainingGraph({ trainableScopes: ['head'], learningRateScopes: ['Tiny/conv1=2'] }),
    /--learning_rate_scopes: got "Tiny\/conv1"; .*such as Tiny\/logits/,
  );
});

test('frozen batch normalisation gives what it gives outside of training, and stays as it is', async () => {
  const engine = await createWasmEngine();
  const frozen = tinyTrainingGraph({ freezeBatchNorm: true, trainableScopes: ['Tiny/logits'] });
  const session = await startSession(engine, frozen);
  const before = await session.run('read', {});
  const given = feeds(0);
  const { probabilities } = await session.run('predict', { images: given['images']! });
  const step = await session.run('train', given);
  const after = await session.run('read', {});
  await session.close();
  assert.ok(largestDifference(step['probabilities']!.data, probabilities!.data) < 1e-6);
  for (const name of ['moving_mean', 'moving_variance']) {
    const variable = `Tiny/conv1/BatchNorm/${name}`;
    assert.deepEqual(after[variable]!.data, before[variable]!.data, name);
  }
});

test('a network may name its head itself', () => {
  const { headScopes } = tinyTrainingGraph({
    network: { ...tinyNetwork, headScopes: ['Tiny/conv2', 'Tiny/logits'] },
  });
  assert.deepEqual(headScopes, ['Tiny/conv2', 'Tiny/logits']);
});

test('a scope that no variable is in is refused with the nearest ones', () => {
  assert.throws(
    () => tinyTrainingGraph({ trainableScopes: ['Tiny/conv3'] }),
    /--trainable_scopes: got "Tiny\/conv3"; .* such as Tiny\/conv1, Tiny\/conv2, [^,]*\.$/,
  );
});
