import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ClusterEngine } from '../../src/engines/distributed/clusterEngine.ts';
import type { HostTensor, Session } from '../../src/engines/engine.ts';
import type { Node } from '../../src/graph/graph.ts';
import { nodesBefore } from '../../src/graph/walk.ts';
import { initialValues } from '../../src/model/initialValues.ts';
import type { TrainingGraphOptions } from '../../src/model/trainingGraph.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { freeHosts } from '../freeHosts.ts';
import { tinyImageShape, tinyTrainingGraph } from './tinyNetwork.ts';
import { plainSgd, someFeeds, startSession } from './trainingSession.ts';

const { engine, skip } = await tensorFlowOrSkip();

const workers = 3;
/** Of a joint batch, unevenly. */
const counts = [4, 4, 3];
const size = counts.reduce((sum, count) => sum + count, 0);

// TensorFlow's servers serve until the process ends.
after(() => setImmediate(() => process.exit()));

type Outputs = Readonly<Record<string, HostTensor>>;

/** What each worker is fed of a joint batch. */
function feedsOfParts(joint: Outputs): Outputs[] {
  const { images, labels, ...others } = joint;
  const imageSize = images!.data.length / size;
  return counts.map((count, worker) => {
    const first = counts.slice(0, worker).reduce((sum, each) => sum + each, 0);
    const end = first + count;
    const rows = Int32Array.from({ length: count }, (_, i) => first + i);
    return {
      ...others,
      images: {
        data: images!.data.slice(first * imageSize, end * imageSize),
        shape: [count, ...tinyImageShape],
      },
      labels: { data: labels!.data.slice(first, end), shape: [count] },
      joint_rows: { data: rows, shape: [count] },
      joint_size: { data: Int32Array.of(size), shape: [1] },
      gradient_weight: { data: Float32Array.of(count / size), shape: [] },
      step: { data: Float32Array.from(joint['dropout_seed']!.data.slice(1)), shape: [] },
    };
  });
}

const withoutServers = { workers, withoutServers: true };

/** A session of each worker, with the chief's values, which differ from what the others begin with. */
async function startTogether(options: Partial<TrainingGraphOptions>): Promise<Session[]> {
  return (await startWorkers(options)).sessions;
}

async function startWorkers(options: Partial<TrainingGraphOptions>) {
  const training = tinyTrainingGraph({ ...options, ...withoutServers });
  const hosts = { worker: await freeHosts(workers), ps: [] };
  const engines = hosts.worker.map((_, index) =>
    ClusterEngine.start(hosts, { job: 'worker', index }),
  );
  const sessions = await Promise.all(
    engines.map((each) => each.load(training.graph, training.signatures)),
  );
  await sessions[0]!.run('assign', initialValues(training.variables, 1));
  await share(sessions);
  return { training, engines, sessions };
}

function share([chief, ...others]: readonly Session[]): Promise<unknown> {
  return Promise.all([chief!.run('give', {}), ...others.map((each) => each.run('receive', {}))]);
}

function stepTogether(sessions: readonly Session[], joint: Outputs): Promise<Outputs[]> {
  const feeds = feedsOfParts(joint);
  return Promise.all(sessions.map((session, i) => session.run('train', feeds[i]!)));
}

/** The variables of all, having found them the same in each. */
async function sameVariables(sessions: readonly Session[]): Promise<Outputs> {
  const [first, ...others] = await Promise.all(sessions.map((each) => each.run('read', {})));
  for (const other of others) assert.deepEqual(other, first);
  return first!;
}

function largestDifference(actual: Outputs, expected: Outputs, scope: RegExp): number {
  const names = Object.keys(expected).filter((name) => scope.test(name));
  assert.ok(names.length > 0);
  const differences = names.flatMap((name) =>
    Array.from(expected[name]!.data, (value, i) => Math.abs(value - actual[name]!.data[i]!)),
  );
  return Math.max(...differences);
}

const decay = { moving_average_decay: { data: Float32Array.of(0.9), shape: [] } };

test('workers that keep all variables have the same bits in all of them after each step', {
  skip,
}, async () => {
  const sessions = await startTogether({
    optimizer: { ...plainSgd, optimizer: 'adam' },
    movingAverages: true,
  });
  const before = await sameVariables(sessions);
  for (let step = 0; step < 3; step++) {
    await stepTogether(sessions, { ...someFeeds(tinyImageShape, size, step, undefined), ...decay });
    const variables = await sameVariables(sessions);
    assert.notDeepEqual(variables['Tiny/conv1/weights'], before['Tiny/conv1/weights']);
    assert.notDeepEqual(
      variables['Tiny/conv1/BatchNorm/moving_mean'],
      before['Tiny/conv1/BatchNorm/moving_mean'],
    );
  }
});

test('they do the steps of one process with the joint batch', { skip }, async () => {
  // Batch normalisation normalises over each worker's part.
  const options = { freezeBatchNorm: true, optimizer: { ...plainSgd, optimizer: 'momentum' } };
  const training = tinyTrainingGraph(options);
  const alone = await startSession(engine!, training);
  const sessions = await startTogether(options);
  for (let step = 0; step < 3; step++) {
    const joint = someFeeds(tinyImageShape, size, step, undefined);
    const { total_loss } = await alone.run('train', joint);
    const outcomes = await stepTogether(sessions, joint);
    const loss = outcomes.reduce(
      (sum, outcome, i) => sum + (outcome['total_loss']!.data[0]! * counts[i]!) / size,
      0,
    );
    assert.ok(Math.abs(loss - total_loss!.data[0]!) < 1e-5);
  }
  const expected = await alone.run('read', {});
  assert.ok(largestDifference(await sameVariables(sessions), expected, /^Tiny/) < 1e-6);
});

test('no variable changes before all has come that other workers take part in', () => {
  const { graph, signatures } = tinyTrainingGraph({ ...withoutServers, movingAverages: true });
  const ofStep = [...nodesBefore(Object.values(signatures['train']!.outputs))];
  const reduced = graph.nodes.filter(({ op }) => op === 'CollectiveReduceV2');
  assert.ok(reduced.length > 0);
  const isUpdate = ({ op }: Node) => op === 'AssignVariableOp' || op.startsWith('ResourceApply');
  const updates = ofStep.filter(isUpdate);
  assert.ok(updates.length > 0);
  for (const update of updates) {
    const { inputs, controlInputs } = update;
    const before = new Set([
      ...nodesBefore(inputs),
      ...controlInputs.flatMap((node) => [node, ...nodesBefore(node.inputs)]),
    ]);
    assert.ok(
      reduced.every((node) => before.has(node)),
      update.name,
    );
  }
});

test('of a step that one worker is lost in, a worker has its variables as they were', {
  skip,
}, async () => {
  const { training, engines, sessions } = await startWorkers({});
  const joint = (step: number) => someFeeds(tinyImageShape, size, step, undefined);
  await stepTogether(sessions, joint(1));
  const before = await sameVariables(sessions);
  // The last one does not come: all others wait in their sessions.
  const feeds = feedsOfParts(joint(2));
  const waiting = [0, 1].map((i) => sessions[i]!.run('train', feeds[i]!));
  await pause(300);
  const { read, begun } = training.signatures;
  const own = await engines[0]!.loadOn({ job: 'worker', index: 0 }, training.graph, {
    read: read!,
    begun: begun!,
  });
  assert.deepEqual(await own.run('read', {}), before);
  assert.equal((await own.run('begun', {}))['step']!.data[0], 1);
  const last = sessions[2]!;
  await Promise.all([...waiting, last.run('train', feeds[2]!)]);
  const after = await own.run('read', {});
  assert.deepEqual(after, await last.run('read', {}));
  assert.equal((await own.run('begun', {}))['step']!.data[0], 2);
});

for (const onNan of ['stop', 'skip'] as const) {
  test(`a part that is not finite keeps all from the step, with ${onNan}`, { skip }, async () => {
    const sessions = await startTogether({ onNan });
    const before = await sameVariables(sessions);
    const joint = someFeeds(tinyImageShape, size, 0, undefined);
    const broken = {
      ...joint,
      images: { ...joint['images']!, data: joint['images']!.data.slice() },
    };
    broken.images.data[broken.images.data.length - 1] = Number.NaN;
    const outcomes = await stepTogether(sessions, broken);
    assert.deepEqual(
      outcomes.map((outcome) => outcome['is_finite']!.data[0]),
      [0, 0, 0],
    );
    assert.deepEqual(
      outcomes.map((outcome) => Number.isFinite(outcome['total_loss']!.data[0])),
      [true, true, false],
    );
    assert.deepEqual(await sameVariables(sessions), before);
    const [behind] = await stepTogether(sessions, joint);
    assert.equal(behind!['is_finite']!.data[0], onNan === 'skip' ? 1 : 0);
    await sameVariables(sessions);
  });
}
