import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine, HostTensor, Session } from '../../src/engines/engine.ts';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import type { Tensor } from '../../src/graph/graph.ts';
import { mul, sqrt, square } from '../../src/graph/ops/math.ts';
import { initialValues } from '../../src/model/initialValues.ts';
import { type OnNan, onNanChoices } from '../../src/model/onNan.ts';
import { optimizerNames } from '../../src/model/optimizerOptions.ts';
import type { TrainingGraph } from '../../src/model/trainingGraph.ts';
import { flatten, fullyConnected } from '../../src/nets/layers.ts';
import type { NetworkDefinition } from '../../src/nets/network.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { tinyImageShape, tinyTrainingGraph } from './tinyNetwork.ts';
import { plainSgd, someFeeds, startSession } from './trainingSession.ts';

type Feeds = Readonly<Record<string, HostTensor>>;

const { engine: tensorflow, skip } = await tensorFlowOrSkip();
const engines: readonly (readonly [string, Engine | null, string | false, readonly string[]])[] = [
  ['wasm', await createWasmEngine(), false, optimizerNames],
  // Of those with several variables of their own, one: all are guarded alike.
  ['TensorFlow', tensorflow, skip, ['adam']],
];

function feedsOf(step: number): Feeds {
  const moving_average_decay = { data: Float32Array.of(0.5), shape: [] };
  return { ...someFeeds(tinyImageShape, 4, step, undefined), moving_average_decay };
}

/** The same with one sample that is no number. */
function badFeedsOf(step: number): Feeds {
  const feeds = feedsOf(step);
  const { data, shape } = feeds['images']!;
  const changed = data.slice();
  changed[5] = Number.NaN;
  return { ...feeds, images: { data: changed, shape } };
}

/** A session with batch normalisation, moving averages and the optimizer's own variables. */
function start(engine: Engine, optimizer: string, onNan: OnNan): Promise<Session> {
  const graph = tinyTrainingGraph({
    optimizer: { ...plainSgd, optimizer },
    movingAverages: true,
    onNan,
  });
  return startSession(engine, graph);
}

/** Two layers with something between them. */
function networkOf(between: (x: Tensor) => Tensor, units: number): NetworkDefinition {
  const activation = 'linear';
  return {
    build: (images, context) => {
      const fc1 = fullyConnected(context, flatten(images), 'fc1', units, { activation });
      const logits = fullyConnected(context, between(fc1), 'fc2', context.numClasses, {
        activation,
      });
      return { logits, endPoints: new Map([['Logits', logits]]) };
    },
    defaultImageSize: 8,
    preprocessingName: 'lenet',
  };
}

/** A step with images of one sample is not finite, although its loss is, and changes nothing. */
async function assertLeftOut(engine: Engine, graph: TrainingGraph, sample: number): Promise<void> {
  const before = initialValues(graph.variables, 1);
  before['fc1/weights']!.data.fill(0);
  const session = await startSession(engine, graph, before);
  const { images, ...feeds } = someFeeds(tinyImageShape, 4, 0, undefined);
  const { shape, data } = images!;
  const outputs = await session.run('train', {
    ...feeds,
    images: { shape, data: new Float32Array(data.length).fill(sample) },
  });
  assert.ok(Number.isFinite(outputs['total_loss']!.data[0]));
  assert.equal(outputs['is_finite']!.data[0], 0);
  assert.deepEqual(await session.run('read', {}), before);
  await session.close();
}

for (const [name, engine, reason, optimizers] of engines) {
  for (const optimizer of optimizers) {
    test(`a step of ${optimizer} that is not finite changes nothing, and those behind it go on, on ${name}`, {
      skip: reason,
    }, async () => {
      const whole = await start(engine!, optimizer, 'skip');
      const disturbed = await start(engine!, optimizer, 'skip');
      for (const session of [whole, disturbed]) await session.run('train', feedsOf(0));
      const before = await disturbed.run('read', {});
      const outputs = await disturbed.run('train', badFeedsOf(1));
      assert.equal(outputs['is_finite']!.data[0], 0);
      assert.deepEqual(await disturbed.run('read', {}), before);
      const behind = await disturbed.run('train', feedsOf(2));
      assert.deepEqual(behind, await whole.run('train', feedsOf(2)));
      assert.equal(behind['is_finite']!.data[0], 1);
      const after = await disturbed.run('read', {});
      assert.deepEqual(after, await whole.run('read', {}));
      assert.notDeepEqual(after, before);
      await whole.close();
      await disturbed.close();
    });
  }

  test(`with stop, no step behind one that is not finite changes anything, until values are assigned, on ${name}`, {
    skip: reason,
  }, async () => {
    const session = await start(engine!, 'momentum', 'stop');
    const first = await session.run('train', feedsOf(0));
    assert.equal(first['is_finite']!.data[0], 1);
    const before = await session.run('read', {});
    await session.run('train', badFeedsOf(1));
    const behind = await session.run('train', feedsOf(2));
    assert.ok(Number.isFinite(behind['total_loss']!.data[0]));
    assert.equal(behind['is_finite']!.data[0], 0);
    assert.deepEqual(await session.run('read', {}), before);
    await session.run('assign', before);
    assert.equal((await session.run('train', feedsOf(2)))['is_finite']!.data[0], 1);
    assert.notDeepEqual(await session.run('read', {}), before);
    await session.close();
  });

  test(`a derivative that is not finite is enough, on ${name}`, { skip: reason }, async () => {
    // The root of 0 has no derivative: that of its square is NaN.
    const rooted = networkOf((x) => sqrt(square(x)), 4);
    for (const onNan of onNanChoices) {
      await assertLeftOut(engine!, tinyTrainingGraph({ network: rooted, onNan }), 0);
    }
  });

  test(`a small variable that is not finite is enough, whatever an activation makes of it, on ${name}`, {
    skip: reason,
  }, async () => {
    const session = await start(engine!, 'sgd', 'stop');
    const values = await session.run('read', {});
    values['Tiny/conv2/biases']!.data[1] = Number.NEGATIVE_INFINITY;
    await session.run('assign', values);
    const outputs = await session.run('train', feedsOf(0));
    assert.ok(Number.isFinite(outputs['total_loss']!.data[0]));
    assert.equal(outputs['is_finite']!.data[0], 0);
    await session.close();
  });

  test(`with skip, the derivative of a large variable alone is enough, on ${name}`, {
    skip: reason,
  }, async () => {
    // The derivative of a weight is a product with the image; that of a bias is not.
    const steep = networkOf((x) => mul(x, 1e20), 80);
    await assertLeftOut(engine!, tinyTrainingGraph({ network: steep, onNan: 'skip' }), 1e20);
  });
}
