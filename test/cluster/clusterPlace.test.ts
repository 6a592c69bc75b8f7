import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ClusterOptions,
  clusterPlace,
  flagsOfPlace,
  isChief,
} from '../../src/cluster/clusterPlace.ts';
import { UsageError } from '../../src/errors.ts';

const alone: ClusterOptions = {
  job_name: undefined,
  task: 0,
  worker_hosts: [],
  ps_hosts: [],
  worker_replicas: 1,
  num_ps_tasks: 0,
  sync_replicas: true,
  replicas_to_aggregate: undefined,
  cluster_timeout_secs: 7,
};

const hosts = { worker: ['10.0.0.2:2222', '10.0.0.3:2222'], ps: ['10.0.0.1:2222'] };
const inFlags: ClusterOptions = {
  ...alone,
  job_name: 'worker',
  task: 1,
  worker_hosts: hosts.worker,
  ps_hosts: hosts.ps,
};

const configOf = (cluster: object, type: string, index: unknown = 0) => ({
  TF_CONFIG: JSON.stringify({ cluster, task: { type, index }, environment: 'cloud' }),
});

test('without --job_name and TF_CONFIG a process trains alone', () => {
  assert.equal(clusterPlace(alone, {}), undefined);
  assert.equal(clusterPlace(alone, { TF_CONFIG: ' ' }), undefined);
});

test('flags say where a process is', () => {
  const place = clusterPlace(inFlags, {})!;
  assert.deepEqual(place, { hosts, task: { job: 'worker', index: 1 }, timeoutSeconds: 7 });
  assert.equal(isChief(place), false);
  assert.equal(isChief(clusterPlace({ ...inFlags, task: 0 }, {})!), true);
  assert.equal(isChief(clusterPlace({ ...inFlags, job_name: 'ps', task: 0 }, {})!), false);
});

test('TF_CONFIG says it where flags do not', () => {
  const place = clusterPlace(alone, configOf(hosts, 'worker', 1))!;
  assert.deepEqual(place.hosts, hosts);
  assert.deepEqual(place.task, { job: 'worker', index: 1 });
  const server = clusterPlace(alone, configOf(hosts, 'ps'))!;
  assert.deepEqual(server.task, { job: 'ps', index: 0 });
  const flags = clusterPlace(inFlags, configOf({ worker: ['x:1'], ps: ['y:1'] }, 'worker'))!;
  assert.deepEqual(flags.hosts, hosts);
});

test('a chief that TF_CONFIG sets apart is worker 0', () => {
  const cluster = { chief: ['c:1'], worker: ['w:1'], ps: ['p:1'] };
  const chief = clusterPlace(alone, configOf(cluster, 'chief'))!;
  assert.deepEqual(chief.hosts.worker, ['c:1', 'w:1']);
  assert.ok(isChief(chief));
  const worker = clusterPlace(alone, configOf(cluster, 'worker'))!;
  assert.deepEqual(worker.task, { job: 'worker', index: 1 });
  assert.ok(isChief(clusterPlace(alone, configOf({ ...cluster, master: [] }, 'chief'))!));
});

test('a cluster of a single worker is none', () => {
  assert.equal(clusterPlace(alone, configOf({ worker: ['w:1'] }, 'worker')), undefined);
});

test('without parameter servers workers update together, whatever the flags say', () => {
  const each = { ...inFlags, ps_hosts: [], sync_replicas: false };
  const place = clusterPlace(each, {})!;
  assert.deepEqual(place.hosts, { worker: hosts.worker, ps: [] });
  assert.equal(flagsOfPlace(place).sync_replicas, true);
  const { worker } = hosts;
  assert.deepEqual(clusterPlace(alone, configOf({ worker }, 'worker', 1))!.hosts, place.hosts);
  assert.throws(
    () => clusterPlace({ ...each, replicas_to_aggregate: 1 }, {}),
    /^UsageError: --replicas_to_aggregate: got 1; expected 2/,
  );
});

test('the flags of a place name it again', () => {
  const place = clusterPlace(alone, configOf(hosts, 'worker', 1))!;
  assert.deepEqual(clusterPlace({ ...alone, ...flagsOfPlace(place) }, {}), place);
});

const refused: Record<string, [Partial<ClusterOptions>, RegExp]> = {
  'a parameter server of none': [
    { ps_hosts: [], job_name: 'ps', task: 0 },
    /^--ps_hosts: got none; .* this process is one\.$/,
  ],
  'a worker alone': [
    { ps_hosts: [], worker_hosts: ['a:1'], task: 0 },
    /^--worker_hosts: got one, and no --ps_hosts; expected a second worker or a parameter server\. /,
  ],
  'no worker': [{ worker_hosts: [] }, /^--worker_hosts: got none/],
  'a host without a port': [{ ps_hosts: ['a'] }, /got "a"; expected HOST:PORT\.$/],
  'a host with a path': [{ ps_hosts: ['grpc://a:1'] }, /got "grpc:\/\/a:1"/],
  'a host twice': [{ ps_hosts: ['10.0.0.2:2222'] }, /got 10\.0\.0\.2:2222 twice/],
  'a task that there is none of': [{ task: 2 }, /^--task: got 2; expected 0 to 1, since --worker/],
  'another number of workers': [{ worker_replicas: 3 }, /^--worker_replicas: got 3; .* names 2\.$/],
  'another number of servers': [{ num_ps_tasks: 2 }, /^--num_ps_tasks: got 2; --ps_hosts names 1/],
  'gradients of some workers': [
    { replicas_to_aggregate: 1 },
    /^--replicas_to_aggregate: got 1; expected 2, .* would be dropped\.$/,
  ],
};

for (const [what, [options, message]] of Object.entries(refused)) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => clusterPlace({ ...inFlags, ...options }, {}),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}

test('TF-Slim’s numbers are taken where they say the same', () => {
  const numbers = { worker_replicas: 2, num_ps_tasks: 1, replicas_to_aggregate: 2 };
  assert.ok(clusterPlace({ ...inFlags, ...numbers }, {}));
});

for (const [what, config] of Object.entries({
  'no JSON': '{cluster',
  'hosts that are no list': JSON.stringify({ cluster: { ps: 'a:1', worker: ['b:1', 'c:1'] } }),
  'an evaluator': configOf(hosts, 'evaluator').TF_CONFIG,
  'a task without a number': configOf(hosts, 'worker', '0').TF_CONFIG,
})) {
  test(`a TF_CONFIG with ${what} is refused in one line`, () => {
    assert.throws(
      () => clusterPlace(alone, { TF_CONFIG: config }),
      (error) => error instanceof UsageError && /^TF_CONFIG: got [^\n]+\.$/.test(error.message),
    );
  });
}
