import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { latestCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { freeHosts } from '../freeHosts.ts';
import { losslens, startLosslens, temporaryFolder } from '../losslens.ts';
import {
  clusterFlags,
  differenceOf,
  encountersOf,
  expectSuccess,
  goneLine,
  items,
  killAnytime,
  otherHosts,
  otherHostsLine,
  preloading,
  said,
  selectionOf,
  training,
  visitsOf,
} from './clusterRuns.ts';

const { skip } = await tensorFlowOrSkip();

test('two workers at once train as one process does with batches of both, also when one of them is killed', {
  skip,
}, async () => {
  const folder = temporaryFolder();
  const [together, alone] = [join(folder, 'together'), join(folder, 'alone')];
  const length = ['--max_number_of_epochs=3'];
  const flagsOf = await clusterFlags(1);
  const start = (job: string, task: number, trainDir: string) =>
    startLosslens([
      ...[...training, ...flagsOf(job, task), ...length, '--batch_size=5', '--sync_replicas'],
      ...['--log_every_n_steps=1', `--train_dir=${trainDir}`],
    ]);
  const [chief, chiefResult] = start('worker', 0, together);
  const [worker, workerResult] = start('worker', 1, `${together}-1`);
  const [, serverResult] = start('ps', 0, `${together}-ps`);
  const aloneResult = losslens([
    ...[...training, ...length, '--batch_size=10', `--train_dir=${alone}`],
  ]);
  // In the second epoch of 11 steps: the last step of the first one is divided unevenly.
  await said(chief, new RegExp(`^step ${12 + Math.floor(8 * Math.random())} `, 'm'));
  await killAnytime(worker, 5);
  const results = await Promise.all([chiefResult, serverResult, aloneResult]);
  expectSuccess(results);
  assert.deepEqual(selectionOf(together), selectionOf(alone));
  assert.deepEqual(encountersOf(together), encountersOf(alone));
  assert.ok((await differenceOf(together, alone)) < 1e-5);
  assert.deepEqual(visitsOf(together), Array(items).fill(3));
  assert.ok(!existsSync(`${together}-1`), 'the chief alone writes');
  assert.match((await workerResult).stderr, /worker 1 at .*: joined the chief at /);
  assert.match(
    results[0].stderr,
    /^cluster: worker 1 at \S+ is gone: .* The others do its part of each step after step \d+(, the items \d+, |\n)/m,
  );
});

// One training, whose processes start four times.
const disturbed = join(temporaryFolder(), 'run');
const flagsOfDisturbed = await clusterFlags(1);
const goOn = (job: string, task: number, ...more: string[]) =>
  startLosslens([
    ...[...training, ...flagsOfDisturbed(job, task), '--batch_size=5', `--train_dir=${disturbed}`],
    ...['--hm=', '--log_every_n_steps=1', '--save_interval_steps=4', ...more],
  ]);

/** Kills a worker, and starts it again when the chief has missed it; it is back when the chief says so. */
async function replace(worker: ChildProcess, chief: ChildProcess, ...more: string[]) {
  const missed = said(chief, /^cluster: worker 1 at \S+ is gone/m);
  await killAnytime(worker);
  await missed;
  const isBack = said(chief, /^cluster: worker 1 at \S+ is back/m);
  const [, result] = goOn('worker', 1, ...more);
  await isBack;
  await said(chief, /^step \d/m);
  return { result };
}

test('a worker that is killed comes back; a parameter server that is killed ends all with one line that names it', {
  skip,
}, async () => {
  const [chief, chiefResult] = goOn('worker', 0, '--sync_replicas');
  const [worker] = goOn('worker', 1, '--sync_replicas');
  const [server] = goOn('ps', 0);
  // Behind a checkpoint in the middle of an epoch.
  await said(chief, /^step ([5-9]|\d\d)/m);
  const { result } = await replace(worker, chief, '--sync_replicas');
  await killAnytime(server);
  const [ofChief, ofWorker] = await Promise.all([chiefResult, result]);
  assert.equal(ofChief.code, 1);
  assert.match(ofChief.stderr, goneLine('parameter server 0'));
  assert.equal(ofWorker.code, 1);
  // It may hear of the chief's end first.
  assert.match(ofWorker.stderr, goneLine('(parameter server 0|the chief)'));
});

test('started again, they go on, now each for itself, and a worker comes back; a stranger is sent away; a chief that is killed ends all', {
  skip,
}, async () => {
  const [chief] = goOn('worker', 0);
  const [, serverResult] = goOn('ps', 0);
  const difference = 'has --seed 6, the chief 5';
  const refused = said(chief, new RegExp(`worker 1 at .* was sent away: it ${difference}\\n`));
  const stranger = await goOn('worker', 1, '--seed=6')[1];
  assert.equal(stranger.code, 1);
  assert.match(
    stranger.stderr,
    new RegExp(
      `^losslens: cluster: the chief sent this worker away, since it ${difference}\\. `,
      'm',
    ),
  );
  await refused;
  const [worker] = goOn('worker', 1);
  await said(chief, /^step \d/m);
  const { result } = await replace(worker, chief);
  await killAnytime(chief);
  for (const { code, stderr } of await Promise.all([result, serverResult])) {
    assert.equal(code, 1);
    assert.match(stderr, goneLine('(the chief|parameter server 0)'));
  }
});

test('started once more, with strangers that have other hosts; Ctrl-C at the chief ends all, at others it does not', {
  skip,
}, async () => {
  const [chief, chiefResult] = goOn('worker', 0);
  const [server, serverResult] = goOn('ps', 0);
  const [worker, workerResult] = goOn('worker', 1);
  await said(chief, /^step \d/m);
  const strangers = [0, 1].map(async (task) => {
    const hosts = await otherHosts(flagsOfDisturbed('worker', task), task);
    const elsewhere = `--train_dir=${temporaryFolder()}`;
    const { code, stderr } = await goOn('worker', task, hosts, elsewhere)[1];
    assert.equal(code, 1);
    assert.match(stderr, otherHostsLine(task, '(the chief|parameter server 0)'));
  });
  await Promise.all(strangers);
  await said(chief, /^step \d/m);
  const others = [worker, server];
  const heard = others.map((other) => said(other, /^SIGINT: the chief at \S+ ends the training/m));
  for (const other of others) other.kill('SIGINT');
  await Promise.all(heard);
  chief.kill('SIGINT');
  const ofChief = await chiefResult;
  assert.equal(ofChief.code, 130, ofChief.stderr);
  expectSuccess(await Promise.all([workerResult, serverResult]));
});

test('one process goes on with it, and each item has been trained on once an epoch', {
  skip,
}, async () => {
  const steps = Number(/-(\d+)$/.exec((await latestCheckpoint(disturbed))!)![1]);
  const epochs = Math.ceil(steps / Math.ceil(items / 10)) + 1;
  const more = ['--hm=', '--batch_size=10', `--max_number_of_epochs=${epochs}`];
  expectSuccess([await losslens([...training, `--train_dir=${disturbed}`, ...more])]);
  assert.deepEqual(visitsOf(disturbed), Array(items).fill(epochs));
});

test('Ctrl-C ends a chief that waits for others to tell them that all is done', {
  skip,
}, async () => {
  const once = '--max_number_of_epochs=1';
  const [chief, chiefResult] = goOn('worker', 0, once);
  const [, serverResult] = goOn('ps', 0, once);
  await said(chief, /holds a run of \d+ steps already/);
  chief.kill('SIGINT');
  assert.equal((await chiefResult).code, 130);
  assert.equal((await serverResult).code, 1);
});

test('who does not come in time is named, and a stranger in its place', { skip }, async () => {
  const stranger = createHttpServer((_request, response) => response.end()).listen(0, '127.0.0.1');
  await once(stranger, 'listening');
  const server = `127.0.0.1:${(stranger.address() as AddressInfo).port}`;
  const [missing, worker] = await freeHosts(2);
  const flags = [
    ...[...training, `--ps_hosts=${missing},${server}`, `--worker_hosts=${worker}`],
    ...['--job_name=worker', `--train_dir=${temporaryFolder()}`, '--cluster_timeout_secs=4'],
  ];
  const { code, stderr } = await losslens(flags, preloading('hurriedHook'));
  stranger.close();
  assert.equal(code, 1);
  const names = `parameter server 0 at ${missing} \\(nobody listens there\\), parameter server 1 at ${server} \\(there listens another program\\)`;
  assert.match(stderr, new RegExp(`^cluster: has waited for ${names} for 30 s$`, 'm'));
  assert.match(stderr, new RegExp(`^losslens: cluster: ${names} did not answer within 4 s; `, 'm'));
});
