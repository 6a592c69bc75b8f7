import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Hosts } from '../../../src/engines/distributed/hosts.ts';
import { placeOnCluster } from '../../../src/engines/distributed/placement.ts';
import { Graph, type Node } from '../../../src/graph/graph.ts';
import { placeholder } from '../../../src/graph/ops/array.ts';
import { add } from '../../../src/graph/ops/math.ts';
import { dequeue, fifoQueue } from '../../../src/graph/ops/queues.ts';
import { getVariable } from '../../../src/graph/ops/variables.ts';
import { tinyTrainingGraph } from '../../model/tinyNetwork.ts';
import { plainSgd } from '../../model/trainingSession.ts';

function hostsOf(servers: number): Hosts {
  const worker = ['a:1', 'b:1'];
  return { worker, ps: Array.from({ length: servers }, (_, i) => `ps${i}:1`) };
}

test('the largest variables come first, each to the server that has least so far', () => {
  const graph = new Graph();
  const initializer = () => new Float32Array();
  const sizes = { small: 2, large: 10, middle: 6, other: 5 };
  const placed = Object.entries(sizes).map(([name, size]) => [
    name,
    getVariable(graph, name, [size], { initializer }).handle.node,
  ]) as [string, Node][];
  const deviceOf = placeOnCluster(graph, hostsOf(2), { job: 'worker', index: 0 });
  assert.deepEqual(Object.fromEntries(placed.map(([name, node]) => [name, deviceOf(node)])), {
    large: '/job:ps/task:0',
    middle: '/job:ps/task:1',
    other: '/job:ps/task:1',
    small: '/job:ps/task:0',
  });
});

test('all of a variable lies on one server: its slot, its gradient’s accumulator, what they take', () => {
  const { graph } = tinyTrainingGraph({
    optimizer: { ...plainSgd, optimizer: 'momentum' },
    workers: 2,
  });
  const deviceOf = placeOnCluster(graph, hostsOf(3), { job: 'worker', index: 1 });
  const devices = new Set<string>();
  for (const variable of graph.variables.values()) {
    if (!variable.trainable) continue;
    const device = deviceOf(variable.handle.node);
    devices.add(device);
    const updates = graph.nodes.filter(
      ({ op, inputs }) => op === 'ResourceApplyMomentum' && inputs[0] === variable.handle,
    );
    assert.equal(updates.length, 1);
    const [update] = updates;
    const guarded = update!.inputs.find(({ node }) => node.op === 'Switch')!;
    const mean = guarded.node.inputs[0]!.node;
    assert.equal(mean.op, 'ResourceAccumulatorTakeGradient');
    for (const node of [
      update!,
      update!.inputs[1]!.node,
      guarded.node,
      mean,
      mean.inputs[0]!.node,
    ]) {
      assert.equal(deviceOf(node), device, node.name);
    }
  }
  assert.deepEqual(
    [...devices].sort(),
    [0, 1, 2].map((index) => `/job:ps/task:${index}`),
  );
});

test('what takes no resource is computed by the process itself', () => {
  const graph = new Graph();
  const x = placeholder(graph, 'float32', [], 'x');
  const deviceOf = placeOnCluster(graph, hostsOf(1), { job: 'worker', index: 1 });
  assert.equal(deviceOf(add(x, 1).node), '/job:worker/task:1');
});

test('without parameter servers a process keeps all but the queues, which lie on the chief', () => {
  const { graph } = tinyTrainingGraph({ workers: 2, withoutServers: true });
  const queue = fifoQueue(graph, 'mail');
  const received = dequeue(queue, [-1]);
  const deviceOf = placeOnCluster(graph, hostsOf(0), { job: 'worker', index: 1 });
  const others = graph.nodes.filter((node) => ![queue.node, received.node].includes(node));
  const devices = new Set(others.map((node) => deviceOf(node).replace('/device:CPU:0', '')));
  assert.deepEqual([...devices], ['/job:worker/task:1']);
  for (const { node } of [queue, received]) assert.equal(deviceOf(node), '/job:worker/task:0');
});
