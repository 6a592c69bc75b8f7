/** Whether the processes of a cluster were started with the same hosts: each says on its server with which it was. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ClusterEngine } from '../engines/distributed/clusterEngine.ts';
import { describeTask, type Hosts, jobNames, type Task } from '../engines/distributed/hosts.ts';
import { UserError } from '../errors.ts';
import { Graph } from '../graph/graph.ts';
import { constant, identity, placeholder } from '../graph/ops/array.ts';
import { assign, getVariable } from '../graph/ops/variables.ts';

const retryMs = 100;

/** Where a process says it: JSON as numbers, one for a byte. */
function hostsVariable() {
  const graph = new Graph();
  const variable = getVariable(graph, 'cluster/hosts', [-1], {
    initializer: () => new Float32Array(0),
    trainable: false,
  });
  return { graph, variable };
}

/** Says on this process's server with which hosts it was started. */
export async function publishHosts(engine: ClusterEngine): Promise<void> {
  const { graph, variable } = hostsVariable();
  const hosts = placeholder(graph, 'float32', [-1], 'hosts');
  const published = assign(variable, hosts);
  const done = identity(constant(graph, 'float32', 1), { after: [published] });
  const session = await engine.loadOn(engine.task, graph, {
    publish: { inputs: { hosts }, outputs: { done } },
  });
  const data = Float32Array.from(Buffer.from(JSON.stringify(engine.hosts)));
  await session.run('publish', { hosts: { data, shape: [data.length] } });
  await session.close();
}

/**
 * Compares the hosts of this process with those of others that are there.
 *
 * @param timeoutSeconds  how long each of them has to say them
 * @param signal          ends the waiting
 * @throws UserError      naming the flag that differs, and what the other process has
 */
export async function expectSameHosts(
  engine: ClusterEngine,
  others: readonly Task[],
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const published = await Promise.all(
    others.map((task) => readHosts(engine, task, timeoutSeconds, signal)),
  );
  others.forEach((task, i) => {
    const difference = differenceOf(engine.hosts, published[i]!);
    if (difference === undefined) return;
    throw new UserError(
      `${difference}, which ${describeTask(engine.hosts, task)} was started with. Give all processes of a training the same hosts, in flags or TF_CONFIG.`,
    );
  });
}

/** @throws UserError  when the process does not say them */
async function readHosts(
  engine: ClusterEngine,
  task: Task,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<Hosts> {
  const { graph, variable } = hostsVariable();
  const session = await engine.loadOn(task, graph, {
    read: { inputs: {}, outputs: { hosts: variable.value } },
  });
  const end = performance.now() + 1000 * timeoutSeconds;
  for (;;) {
    try {
      const { hosts } = await session.run('read', {});
      await session.close();
      return JSON.parse(Buffer.from(hosts!.data).toString()) as Hosts;
    } catch (error) {
      // Its server is there a moment before it says anything on it.
      if (error instanceof UserError) throw error;
      if (performance.now() >= end) {
        throw new UserError(
          `cluster: ${describeTask(engine.hosts, task)} does not say with which hosts it was started (${(error as Error).message.split('\n', 1)[0]}); expected the same losslens in all processes.`,
        );
      }
    }
    await pause(retryMs, undefined, { signal });
  }
}

/** What is wrong with a process's hosts beside another one's, for people; undefined when they are the same. */
export function differenceOf(own: Hosts, other: Hosts): string | undefined {
  for (const job of jobNames) {
    const flag = `--${job}_hosts`;
    const [had, expected] = [own[job], other[job]];
    if (had.length !== expected.length) {
      return `${flag}: got ${had.length} hosts; expected ${expected.length}`;
    }
    const index = had.findIndex((host, i) => host !== expected[i]);
    if (index < 0) continue;
    return `${flag}: got ${had[index]} for ${job} ${index}; expected ${expected[index]}`;
  }
  return undefined;
}
