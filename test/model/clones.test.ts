import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine, HostTensor } from '../../src/engines/engine.ts';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { UsageError } from '../../src/errors.ts';
import type { CloneOptions } from '../../src/model/clones.ts';
import type { TrainingGraphOptions } from '../../src/model/trainingGraph.ts';
import { dropout } from '../../src/nets/dropout.ts';
import { flatten, fullyConnected } from '../../src/nets/layers.ts';
import type { NetworkDefinition } from '../../src/nets/network.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { tinyImageShape, tinyNetwork, tinyTrainingGraph } from './tinyNetwork.ts';
import { plainSgd, someFeeds, startSession } from './trainingSession.ts';

type Tensors = Readonly<Record<string, HostTensor>>;

const { engine: tensorflow, skip: skipTensorflow } = await tensorFlowOrSkip();
const engines: [name: string, engine: Engine | null, skip: string | false][] = [
  ['wasm', await createWasmEngine(), false],
  ['tensorflow', tensorflow, skipTensorflow],
];

const clonesOnCpu = (count: number) => ({ count, onCpu: true });

const withAuxiliary: NetworkDefinition = {
  ...tinyNetwork,
  build: (images, context) => {
    const outputs = tinyNetwork.build(images, context);
    const { numClasses } = context;
    const layer = flatten(outputs.endPoints.get('pool1')!);
    return {
      ...outputs,
      auxiliary: { logits: fullyConnected(context, layer, 'auxiliary', numClasses), weight: 0.4 },
    };
  },
};

/** The graph with all that can be in one, but for dropout and statistics of the batch. */
const independentItems: Partial<TrainingGraphOptions> = {
  network: withAuxiliary,
  optimizer: { ...plainSgd, optimizer: 'momentum' },
  freezeBatchNorm: true,
  labelSmoothing: 0.1,
  movingAverages: true,
  selectionLayer: 'pool1',
  monitoredLayers: ['conv1', 'Logits'],
};

/** Largest difference of two tensors, relative to the largest number in the expected one or, if that is below it, to 1. */
function difference(actual: HostTensor, expected: HostTensor): number {
  assert.deepEqual(actual.shape, expected.shape);
  const scale = Math.max(1, ...Array.from(expected.data, Math.abs));
  return Math.max(0, ...Array.from(expected.data, (x, i) => Math.abs(x - actual.data[i]!))) / scale;
}

function expectSame(actual: Tensors, expected: Tensors, what: string): void {
  assert.deepEqual(Object.keys(actual).sort(), Object.keys(expected).sort());
  for (const [name, value] of Object.entries(expected)) {
    assert.ok(difference(actual[name]!, value) <= 1e-6, `${what}: ${name}`);
  }
}

/** Some rows of what a step is fed of each item. */
function rowsOf(feeds: Record<string, HostTensor>, from: number, to: number): typeof feeds {
  const cut = ({ data, shape: [rows, ...rest] }: HostTensor): HostTensor => {
    const size = data.length / rows!;
    return { data: data.slice(from * size, to * size), shape: [to - from, ...rest] };
  };
  return { ...feeds, images: cut(feeds['images']!), labels: cut(feeds['labels']!) };
}

test('clones share variables, which keep the names that a single network has, and have boxes of their own', () => {
  const names = (clones?: CloneOptions) => {
    const { variables, graph } = tinyTrainingGraph(clones ? { clones } : {});
    const nodes = graph.nodes.map(({ name }) => name);
    return { nodes, variables: variables.map(({ name, handle }) => [name, handle.node.name]) };
  };
  const [one, two] = [names(), names({ count: 2, onCpu: false })];
  assert.deepEqual(two.variables, one.variables);
  for (const name of ['Tiny/conv1/Conv2D', 'losses/softmax_cross_entropy_loss']) {
    assert.ok(one.nodes.includes(name), name);
    assert.ok(!two.nodes.includes(name), name);
    for (const clone of [0, 1]) assert.ok(two.nodes.includes(`clone_${clone}/${name}`), name);
  }
});

test('TensorFlow places clones where the graph says, and a GPU that is missing is told in one line', {
  skip: skipTensorflow || (tensorflow!.name.includes('(GPU') && 'there is a GPU'),
}, async () => {
  const { graph, signatures } = tinyTrainingGraph({ clones: { count: 2, onCpu: false } });
  await assert.rejects(
    tensorflow!.load(graph, signatures),
    new UsageError(
      '--num_clones: TensorFlow has no GPU:0; expected a GPU for each clone, or --clone_on_cpu.',
    ),
  );
});

for (const [name, engine, skip] of engines) {
  test(`clones do what one network does with all of their items, on ${name}`, {
    skip,
  }, async () => {
    const one = await startSession(engine!, tinyTrainingGraph(independentItems));
    for (const count of [2, 3]) {
      const graph = tinyTrainingGraph({ ...independentItems, clones: clonesOnCpu(count) });
      const clones = await startSession(engine!, graph);
      await one.run('assign', await clones.run('read', {}));
      // Batches that divide evenly and do not; rows of all clones, of some, and none.
      for (const [step, batchSize, rows] of [
        [0, 6, [0, 2, 3, 5]],
        [1, 7, [0, 1]],
        [2, 5, [4]],
        [3, 3, []],
      ] as const) {
        const average = { data: Float32Array.of(0.5), shape: [] };
        const feeds: Record<string, HostTensor> = {
          ...someFeeds(tinyImageShape, batchSize, step, rows, 0.1),
          moving_average_decay: average,
        };
        const what = `${count} clones, step ${step}`;
        for (const signature of ['train', 'train_all_rows']) {
          const { monitor_rows: _, ...withoutRows } = feeds;
          const given = signature === 'train' ? feeds : withoutRows;
          expectSame(await clones.run(signature, given), await one.run(signature, given), what);
        }
        expectSame(await clones.run('read', {}), await one.run('read', {}), what);
      }
      const { images } = someFeeds(tinyImageShape, 4, 9, undefined);
      expectSame(
        await clones.run('predict', { images: images! }),
        await one.run('predict', { images: images! }),
        'predict',
      );
      await clones.close();
    }
    await one.close();
  });

  test(`each clone normalises with its own batch, and the first moves the statistics, on ${name}`, {
    skip,
  }, async () => {
    const options = { selectionLayer: 'pool1', monitoredLayers: [] };
    const [first, second] = await Promise.all(
      [0, 1].map(() => startSession(engine!, tinyTrainingGraph(options))),
    );
    const clones = await startSession(
      engine!,
      tinyTrainingGraph({ ...options, clones: clonesOnCpu(2) }),
    );
    const feeds = someFeeds(tinyImageShape, 8, 0, undefined, 0.1);
    const halves = [
      await first!.run('train', rowsOf(feeds, 0, 4)),
      await second!.run('train', rowsOf(feeds, 4, 8)),
    ];
    const joined = await clones.run('train', feeds);
    const probabilities = halves.flatMap((half) => [...half['probabilities']!.data]);
    assert.ok(
      difference(joined['probabilities']!, {
        data: Float32Array.from(probabilities),
        shape: [8, 10],
      }) <= 1e-6,
    );
    const loss =
      (halves[0]!['cross_entropy']!.data[0]! + halves[1]!['cross_entropy']!.data[0]!) / 2;
    assert.ok(Math.abs(joined['cross_entropy']!.data[0]! - loss) <= 1e-6);
    const [ofFirst, ofSecond, ofClones] = await Promise.all(
      [first!, second!, clones].map((session) => session.run('read', {})),
    );
    for (const statistic of ['moving_mean', 'moving_variance']) {
      const variable = `Tiny/conv1/BatchNorm/${statistic}`;
      assert.ok(difference(ofClones![variable]!, ofFirst![variable]!) <= 1e-6, statistic);
      assert.ok(difference(ofClones![variable]!, ofSecond![variable]!) > 1e-6, statistic);
    }
    await Promise.all([first!, second!, clones].map((session) => session.close()));
  });

  test(`dropout of the first clone is a single network's, others drop otherwise, on ${name}`, {
    skip,
  }, async () => {
    const network: NetworkDefinition = {
      ...tinyNetwork,
      build: (images, context) =>
        tinyNetwork.build(dropout(context, images, 'dropout', 0.5), context),
    };
    const options = { network, freezeBatchNorm: true };
    const half = someFeeds(tinyImageShape, 4, 0, undefined);
    const twice = ({ data, shape: [rows, ...rest] }: HostTensor): HostTensor => {
      const doubled =
        data instanceof Float32Array
          ? new Float32Array(2 * data.length)
          : new Int32Array(2 * data.length);
      doubled.set(data);
      doubled.set(data, data.length);
      return { data: doubled, shape: [2 * rows!, ...rest] };
    };
    const one = await startSession(engine!, tinyTrainingGraph(options));
    const clones = await startSession(
      engine!,
      tinyTrainingGraph({ ...options, clones: clonesOnCpu(2) }),
    );
    const { probabilities: alone } = await one.run('train', half);
    const { probabilities: both } = await clones.run('train', {
      ...half,
      images: twice(half['images']!),
      labels: twice(half['labels']!),
    });
    const size = alone!.data.length;
    const ofFirst = { data: both!.data.slice(0, size), shape: alone!.shape };
    const ofSecond = { data: both!.data.slice(size), shape: alone!.shape };
    assert.ok(difference(ofFirst, alone!) <= 1e-6);
    assert.ok(difference(ofSecond, alone!) > 0.01);
    await Promise.all([one.close(), clones.close()]);
  });
}
