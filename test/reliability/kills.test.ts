/**
 * A run that is killed anywhere, and started again, ends as if nothing had happened. Six kills;
 * $LOSSLENS_KILLS asks for more, $LOSSLENS_KILLS_SEED for the same ones again.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import {
  checkCheckpoint,
  latestCheckpoint,
  listCheckpoints,
} from '../../src/checkpoint/checkpoints.ts';
import { eventFiles } from '../../src/events/readEvents.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { smallNetwork, startLosslens, temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { runPython, skipWithoutPython } from '../python.ts';

const kills = Number(process.env['LOSSLENS_KILLS'] ?? 6);
/** Of the tests' own kills always the same, so that they fail by a change alone; others are for looking. */
const ownSeed =
  process.env['LOSSLENS_KILLS'] === undefined ? 1 : Math.floor(Math.random() * 2 ** 31);
const seed = Number(process.env['LOSSLENS_KILLS_SEED'] ?? ownSeed);
const hook = pathToFileURL(join(packageRoot, 'dist/test/reliability/killHook.js')).href;
const folder = temporaryFolder();
const data = join(folder, 'data');
mkdirSync(data);
writeSmallMnist(data, 40, 20);

/** Two epochs of four steps. */
const flags = [
  ...['--engine=wasm', `--model_name=${smallNetwork}`, '--seed=1', '--optimizer=sgd'],
  ...['--dataset_name=mnist', `--dataset_dir=${data}`, '--label_noise=0.2', '--batch_size=10'],
  ...['--max_number_of_epochs=2', '--eval_interval_epochs=1', '--save_interval_steps=3'],
  ...['--log_every_n_steps=1', '--ns=4', '--hm=pool1,pool2', '--projector_items=4'],
  '--num_preprocessing_threads=1',
];
const lastCheckpoint = 'model.ckpt-8';

/** @param env  for the hook; without it the run has none */
async function runIn(trainDir: string, env?: Readonly<Record<string, string>>) {
  const nodeOptions = `${process.env['NODE_OPTIONS'] ?? ''} --import=${hook}`;
  const args = ['train', `--train_dir=${trainDir}`, ...flags];
  const [child, ended] = startLosslens(
    args,
    env === undefined ? {} : { ...env, NODE_OPTIONS: nodeOptions },
  );
  return { ...(await ended), signal: child.signalCode };
}

const recordFiles = [
  ...['items.csv', 'selection.csv', 'selections.jsonl', 'monitoring.jsonl', 'detection.csv'],
  ...['label_noise.csv', `${lastCheckpoint}.index`, `${lastCheckpoint}.data-00000-of-00001`],
];

/** What a run left, but for its logs. */
function contents(trainDir: string): Record<string, string> {
  const projector = readdirSync(join(trainDir, 'projector-8'))
    .filter((name) => !name.includes('tfevents'))
    .map((name) => join('projector-8', name));
  return Object.fromEntries(
    [...recordFiles, ...projector].map((name) => [
      name,
      readFileSync(join(trainDir, name)).toString('latin1'),
    ]),
  );
}

/** The calls of a run that changed files. */
const callsIn = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n');

const whole = join(folder, 'whole');
const wholeCalls = join(folder, 'whole.calls');
const { code, stderr } = await runIn(whole, { LOSSLENS_KILL_CALLS: wholeCalls });
assert.equal(code, 0, stderr);
const calls = callsIn(wholeCalls);
const expected = contents(whole);

/** Numbers in [0, 1) that a seed gives (a linear congruential generator). */
let state = seed;
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

/** Numbers of the calls, alike ones in a row together: the parts of a checkpoint are many. */
const stretches: number[][] = [];
for (const [i, call] of calls.entries()) {
  if (i > 0 && call === calls[i - 1]) stretches.at(-1)!.push(i + 1);
  else stretches.push([i + 1]);
}

/** Folders of event files as they were when a run was killed, and when it had ended after all. */
const killedLogs: string[] = [];
const resumedLogs: string[] = [];

for (let kill = 0; kill < kills; kill++) {
  const stretch = stretches[Math.floor(((kill + random()) / kills) * stretches.length)]!;
  const killAt = stretch[Math.floor(random() * stretch.length)]!;
  const isHalfway = random() < 0.5;
  const how = isHalfway ? 'halfway' : 'before';
  test(`kill ${kill + 1} of seed ${seed}, at call ${killAt} of ${calls.length}, ${how}`, async (t) => {
    const trainDir = join(folder, `killed-${kill}`);
    const callsFile = `${trainDir}.calls`;
    const killed = await runIn(trainDir, {
      LOSSLENS_KILL_CALLS: callsFile,
      LOSSLENS_KILL_AT: String(killAt),
      ...(isHalfway ? { LOSSLENS_KILL_HALFWAY: '1' } : {}),
    });
    // Records that are written together are one call: how many there are differs a little.
    if (killed.signal !== 'SIGKILL') {
      assert.equal(killed.code, 0, killed.stderr);
      assert.ok(killAt > 0.9 * calls.length, `not killed: ${callsIn(callsFile).length} calls`);
    }
    t.diagnostic(`${killed.signal} at ${callsIn(callsFile)[killAt - 1]?.trimEnd()}`);

    if (existsSync(trainDir)) {
      const listed = await listCheckpoints(trainDir);
      const latest = await latestCheckpoint(trainDir);
      assert.equal(latest, listed.at(-1), 'the one that the file names is there');
      if (latest !== undefined) await checkCheckpoint(latest);
      const logs = join(folder, `log-${kill}`);
      mkdirSync(logs);
      for (const path of eventFiles(trainDir)) cpSync(path, join(logs, basename(path)));
      killedLogs.push(logs);
    }

    const resumed = await runIn(trainDir);
    assert.equal(resumed.code, 0, resumed.stderr);
    const found = contents(trainDir);
    assert.deepEqual(Object.keys(found), Object.keys(expected));
    const differing = Object.keys(expected).filter((name) => found[name] !== expected[name]);
    assert.deepEqual(differing, [], `${callsFile}: ${differing}`);
    const left = readdirSync(trainDir).filter((name) => /\.tmp$|losslens\.lock/.test(name));
    assert.deepEqual(left, []);
    resumedLogs.push(trainDir);
  });
}

/** By tag and step, the hashes of what is shown. */
type Views = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** The same without what is there twice. */
function shown(views: Views) {
  const once = (steps: Views[string]) =>
    Object.fromEntries(Object.entries(steps).map(([step, hashes]) => [step, [...new Set(hashes)]]));
  return Object.fromEntries(Object.entries(views).map(([tag, steps]) => [tag, once(steps)]));
}

test('TensorBoard reads what each kill left, and shows the views of a whole run in the end', {
  skip: skipWithoutPython('tensorboard'),
}, () => {
  const views = runPython('read_views.py', whole, ...resumedLogs, ...killedLogs) as Views[];
  const [ofWhole, ...others] = views.map(shown);
  assert.ok(Object.keys(ofWhole!).length >= 2, Object.keys(ofWhole!).join());
  for (const [i, trainDir] of resumedLogs.entries()) {
    assert.deepEqual(others[i], ofWhole, basename(trainDir));
  }
  // Whatever a killed run shows is of the whole one.
  for (const [i, logs] of killedLogs.entries()) {
    for (const [tag, steps] of Object.entries(others[resumedLogs.length + i]!)) {
      for (const [step, hashes] of Object.entries(steps)) {
        assert.deepEqual(hashes, ofWhole?.[tag]?.[step], `${basename(logs)}: ${tag}, ${step}`);
      }
    }
  }
});
