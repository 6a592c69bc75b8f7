import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cluster } from '../../src/cluster/cluster.ts';
import type { Letter, LetterFromChief } from '../../src/cluster/letters.ts';
import { Team } from '../../src/cluster/team.ts';
import { chief, type Task } from '../../src/engines/distributed/hosts.ts';
import { freeHosts } from '../freeHosts.ts';

/** A cluster of two workers in which letters are kept: those to the chief are taken, those to worker 1 are not. */
async function clusterOfLetters() {
  const toChief: Letter[] = [];
  const toWorker: LetterFromChief[] = [];
  let wake = () => {};
  const send = async ({ index }: Task, letter: Letter) => {
    if (index === 0) toChief.push(letter);
    else toWorker.push(letter as LetterFromChief);
    wake();
  };
  const receive = async () => {
    while (toChief.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return toChief.shift()!;
  };
  const worker: Task = { job: 'worker', index: 1 };
  const cluster = {
    place: {
      hosts: { worker: await freeHosts(2), ps: [] },
      task: chief,
      timeoutSeconds: 10,
    },
    servers: [],
    others: [worker],
    watch: () => {},
    describe: () => 'worker 1',
    openMailbox: async () => ({ send, receive }),
  };
  return { cluster: cluster as unknown as Cluster, toWorker, ask: send };
}

const worker = { worker: 1, stay: 'first' };
const join = { kind: 'join', ...worker, fingerprint: {} } as const;

/** A team of such a cluster that worker 1 has joined. */
async function gather(
  { cluster, ask }: Pick<Awaited<ReturnType<typeof clusterOfLetters>>, 'cluster' | 'ask'>,
  report: (line: string) => void = () => {},
): Promise<Team> {
  const gathering = Team.gather(cluster, {
    ...{ fingerprint: {}, updating: 'reduced', report },
    itemsLeft: () => '',
  });
  await ask(chief, join);
  return gathering;
}

test('a worker that asks again hears how far it may go by now', async () => {
  const { cluster, toWorker, ask } = await clusterOfLetters();
  const team = await gather({ cluster, ask });
  await team.beginEpoch(4, 9, [7]);
  team.allow(5);
  toWorker.length = 0;
  await ask(chief, join);
  await new Promise(setImmediate);
  const epoch = { kind: 'epoch', stay: 'first', step: 4, end: 9, until: 5, monitored: [7] };
  assert.deepEqual(toWorker, [epoch]);
});

test('whom the chief waits for is said, by what they have told it', async (t) => {
  const { cluster, ask } = await clusterOfLetters();
  const said: string[] = [];
  const team = await gather({ cluster, ask }, (line) => said.push(line));
  await team.beginEpoch(0, 9, []);
  team.allow(1);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let end = () => {};
  const run = new Promise<void>((resolve) => {
    end = resolve;
  });
  const waiting = team.waitForRun(1, run);
  const saidAfter = (seconds: number) => {
    t.mock.timers.tick(1000 * seconds);
    return said.splice(0);
  };
  assert.deepEqual(saidAfter(30), ['cluster: step 1 has waited for worker 1 for 30 s']);
  await ask(chief, { kind: 'begun', ...worker, step: 1 });
  await new Promise(setImmediate);
  assert.deepEqual(saidAfter(30), []);
  assert.deepEqual(saidAfter(60), []);
  assert.match(saidAfter(120)[0]!, /^cluster: step 1 has been under way for 240 s in all workers;/);
  end();
  await waiting;
  const dismissed = team.dismiss();
  await new Promise(setImmediate);
  assert.deepEqual(saidAfter(30), ['cluster: has waited for worker 1 to end for 30 s']);
  await ask(chief, { kind: 'left', ...worker });
  await dismissed;
});

test('a worker that is lost between two steps keeps the next one from beginning, and nothing else', async () => {
  const { cluster, ask } = await clusterOfLetters();
  const team = await gather({ cluster, ask });
  await team.beginEpoch(0, 9, []);
  // The engine of this cluster could not be given up.
  await ask(chief, { kind: 'lost', ...worker });
  await new Promise(setImmediate);
  assert.throws(() => team.allow(1), /^GoneError: cluster: worker 1 at \S+ is gone: /);
  await assert.rejects(team.beginEpoch(9, 18, []), /^GoneError/);
  await team.dismiss();
});
