import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { latestCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import { tensorFlowOrSkip } from '../engines.ts';
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

const folder = temporaryFolder();
const [together, alone] = [join(folder, 'together'), join(folder, 'alone')];
const length = '--max_number_of_epochs=3';

/** One of two workers without a parameter server. */
type Start = (
  task: number,
  env?: Readonly<Record<string, string>>,
  ...more: string[]
) => ReturnType<typeof startLosslens>;

async function twoWorkers(trainDir: string): Promise<Start> {
  const flagsOf = await clusterFlags(0);
  return (task, env = {}, ...more) =>
    startLosslens(
      [
        ...[...training, ...flagsOf('worker', task), length, '--batch_size=5'],
        ...[`--train_dir=${task === 0 ? trainDir : `${trainDir}-${task}`}`, ...more],
      ],
      env,
    );
}

const disturbed = (disturbance: string, step = 0) =>
  preloading('disturbingHook', {
    LOSSLENS_DISTURBANCE: disturbance,
    LOSSLENS_STEP: String(step),
  });

test('two workers without a parameter server train as one process does with batches of both, also when one of them stands still for a while, which the chief says', {
  skip,
}, async () => {
  const start = await twoWorkers(together);
  const patiently = '--cluster_timeout_secs=600';
  const results = await Promise.all([
    start(0, preloading('hurriedHook'), patiently)[1],
    start(1, disturbed('hanging', 6), patiently)[1],
    losslens([...training, length, '--batch_size=10', `--train_dir=${alone}`]),
  ]);
  expectSuccess(results);
  for (const seconds of [30, 60]) {
    const line = `^cluster: step 6 has waited for worker 1 at \\S+ for ${seconds} s$`;
    assert.match(results[0].stderr, new RegExp(line, 'm'));
  }
  assert.match(results[0].stderr, /^note: .* workers update together, as with --sync_replicas$/m);
  assert.deepEqual(selectionOf(together), selectionOf(alone));
  assert.deepEqual(encountersOf(together), encountersOf(alone));
  assert.ok((await differenceOf(together, alone)) < 1e-5);
  assert.deepEqual(visitsOf(together), Array(items).fill(3));
  assert.ok(!existsSync(`${together}-1`), 'the chief alone writes');
});

test('workers that are lost, within an epoch and while the chief evaluates after the last step, cost no step: all is as without that', {
  skip,
}, async () => {
  const trainDir = join(folder, 'lost');
  const start = await twoWorkers(trainDir);
  const [, chiefResult] = start(0);
  // In the second epoch of 11 steps.
  start(1, disturbed('beginning', 15));
  const { code, stderr } = await chiefResult;
  assert.equal(code, 1);
  assert.match(stderr, goneLine('worker 1'));
  assert.match(stderr, / the training goes on after step 14, which is saved\.\n$/);
  assert.match((await latestCheckpoint(trainDir))!, /-14$/);
  const [, againResult] = start(0, disturbed('evaluating'), '--eval_interval_epochs=3');
  const [, lostResult] = start(1, disturbed('leaving', 33), '--eval_interval_epochs=3');
  expectSuccess([await againResult]);
  assert.equal((await lostResult).code, null);
  assert.match((await latestCheckpoint(trainDir))!, /-33$/);
  assert.equal(await differenceOf(trainDir, together), 0);
  const itemsOf = (dir: string) => readFileSync(join(dir, 'items.csv'), 'utf8');
  assert.equal(itemsOf(trainDir), itemsOf(together));
  assert.deepEqual(selectionOf(trainDir), selectionOf(together));
  assert.deepEqual(encountersOf(trainDir), encountersOf(together));
});

test('of a step that all have done and not all have told of nothing is saved, which is said', {
  skip,
}, async () => {
  const trainDir = join(folder, 'untold');
  const start = await twoWorkers(trainDir);
  const [, chiefResult] = start(0, {}, '--save_interval_steps=3');
  start(1, disturbed('sending', 5));
  const { code, stderr } = await chiefResult;
  assert.equal(code, 1);
  assert.match(stderr, goneLine('worker 1'));
  assert.match(
    stderr,
    / from its latest checkpoint; step 4 is not saved: the step behind it has changed the variables, .*\.\n$/,
  );
  assert.match((await latestCheckpoint(trainDir))!, /-3$/);
});

test('a worker that is lost while the chief waits for its data costs nothing of the step before', {
  skip,
}, async () => {
  const trainDir = join(folder, 'reading');
  const start = await twoWorkers(trainDir);
  const [, chiefResult] = start(0, disturbed('reading', 5));
  start(1, disturbed('leaving', 5));
  const { code, stderr } = await chiefResult;
  assert.equal(code, 1);
  assert.match(stderr, goneLine('worker 1'));
  assert.match(stderr, / the training goes on after step 5, which is saved\.\n$/);
  assert.match((await latestCheckpoint(trainDir))!, /-5$/);
});

test('a chief without an engine says so in one line', async () => {
  const flagsOf = await clusterFlags(0);
  const flags = [...training, ...flagsOf('worker', 0), `--train_dir=${temporaryFolder()}`];
  const { code, stderr } = await losslens(flags, { LOSSLENS_HOME: temporaryFolder() });
  assert.equal(code, 3);
  assert.match(stderr, /^(note: .*\n)?losslens: engine tensorflow: found nothing in .*\n$/);
});

// One training, whose processes start three times.
const thrice = join(temporaryFolder(), 'run');
const flagsOfThrice = await clusterFlags(0);
const goOn = (task: number, ...more: string[]) =>
  startLosslens([
    ...[...training, ...flagsOfThrice('worker', task), `--train_dir=${thrice}`],
    ...['--batch_size=5', '--hm=', '--log_every_n_steps=1', '--save_interval_steps=4', ...more],
  ]);

test('a worker that is killed ends all with one line that names it', { skip }, async () => {
  const [chief, result] = goOn(0);
  const [worker] = goOn(1);
  // Behind a checkpoint in the middle of an epoch.
  await said(chief, /^step ([5-9]|\d\d)/m);
  await killAnytime(worker);
  const { code, stderr } = await result;
  assert.equal(code, 1);
  assert.match(stderr, goneLine('worker 1'));
  const fromFirstStep = stderr.slice(stderr.indexOf('\nstep 1 ')).trim().split('\n');
  const others = fromFirstStep.filter((line) => !/^(step|epoch) \d/.test(line));
  assert.equal(others.length, 1, stderr);
});

test('started again, they go on; a stranger is sent away; a chief that is killed ends all', {
  skip,
}, async () => {
  const [chief] = goOn(0);
  const refused = said(chief, /worker 1 at .* was sent away: it has --seed 6, the chief 5\n/);
  const { code, stderr } = await goOn(1, '--seed=6')[1];
  assert.equal(code, 1);
  assert.match(stderr, /the chief sent this worker away, since it has --seed 6, the chief 5\. /);
  await refused;
  const [, workerResult] = goOn(1);
  await said(chief, /^step \d/m);
  await killAnytime(chief);
  const ofWorker = await workerResult;
  assert.equal(ofWorker.code, 1);
  assert.match(ofWorker.stderr, goneLine('the chief'));
});

test('started once more, one of them twice in vain, and once with other hosts; Ctrl-C at the chief ends both, and one process goes on with it', {
  skip,
}, async () => {
  const [chief, chiefResult] = goOn(0);
  const [worker, workerResult] = goOn(1);
  await said(chief, /^step \d/m);
  const heard = said(worker, /^SIGINT: the chief at \S+ ends the training/m);
  worker.kill('SIGINT');
  await heard;
  const twice = await goOn(1)[1];
  assert.equal(twice.code, 1);
  assert.match(
    twice.stderr,
    /cluster: worker 1 at \S+ runs already; expected one process for each/,
  );
  const stranger = await goOn(1, await otherHosts(flagsOfThrice('worker', 1), 1))[1];
  assert.equal(stranger.code, 1);
  assert.match(stranger.stderr, otherHostsLine(1, 'the chief'));
  await said(chief, /^step \d/m);
  chief.kill('SIGINT');
  const ofChief = await chiefResult;
  assert.equal(ofChief.code, 130, ofChief.stderr);
  expectSuccess([await workerResult]);
  const steps = Number(/-(\d+)$/.exec((await latestCheckpoint(thrice))!)![1]);
  const epochs = Math.ceil(steps / Math.ceil(items / 10)) + 1;
  const more = ['--hm=', '--batch_size=10', `--max_number_of_epochs=${epochs}`];
  expectSuccess([await losslens([...training, `--train_dir=${thrice}`, ...more])]);
  assert.deepEqual(visitsOf(thrice), Array(items).fill(epochs));
});
