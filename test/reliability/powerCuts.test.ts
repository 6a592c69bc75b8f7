/**
 * A run whose machine lost its power at any moment, and that is started again, ends as if nothing had
 * happened. The calls of a run are recorded, and the disk made that a power cut may leave: what no fsync
 * has confirmed may be there or not. $LOSSLENS_POWER_CUTS says how many cuts there are;
 * $LOSSLENS_POWER_CUTS_SEED repeats those of an earlier run.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { random } from '../../src/random.ts';
import { temporaryFolder } from '../losslens.ts';
import { skipWithoutPython } from '../python.ts';
import {
  allKept,
  allLost,
  type Files,
  fatesByChance,
  RecordedDisk,
  writeFiles,
} from './recordedDisk.ts';
import { SmallRun, savedSteps } from './smallRun.ts';
import { TrainProcesses } from './trainProcesses.ts';

const asked = process.env['LOSSLENS_POWER_CUTS'];
const cuts = Number(asked ?? 4);
const ownSeed = asked === undefined ? 1 : Math.floor(Math.random() * 2 ** 31);
const seed = Number(process.env['LOSSLENS_POWER_CUTS_SEED'] ?? ownSeed);
const folder = temporaryFolder();
const processes = new TrainProcesses();

/** What a folder holds. */
function filesIn(root: string): Files {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  return new Map(
    paths.map((path) => {
      const place = join(root, path);
      return [path, statSync(place).isDirectory() ? null : readFileSync(place)];
    }),
  );
}

const root = join(folder, 'whole');
const runs = new SmallRun(root, false);
const before = filesIn(root);
const record = join(folder, 'whole.record');
await runs.runWhole('recordHook.js', { LOSSLENS_RECORD: record });
const left = filesIn(root);
const disk = new RecordedDisk(record, root, before);

/** Makes the disk that a cut leaves. @returns the run's folder there */
function afterCut(name: string, files: Files): string {
  const place = join(folder, name);
  writeFiles(place, files);
  return join(place, 'run');
}

/** Goes on with a run, and makes sure that it ends as the undisturbed one. */
async function expectGoesOn(trainDir: string): Promise<void> {
  const { code, problem } = await processes.train(runs.args(trainDir));
  assert.equal(code, 0, problem);
  runs.expectSameFiles(trainDir, trainDir);
}

test('the record of calls gives the files of the run, byte for byte', () => {
  assert.deepEqual(disk.cut(disk.moments, allKept), left);
});

test('a run that has ended outlives a power cut', async () => {
  const trainDir = afterCut('ended', disk.cut(disk.moments, allLost));
  const { code, problem } = await processes.train(runs.args(trainDir));
  assert.equal(code, 0, problem);
  // Nothing is written any more.
  runs.expectSameFiles(trainDir, trainDir);
});

test('a complete checkpoint is never lost', async () => {
  const found: number[] = [];
  for (let moment = 0; moment <= disk.moments; moment++) {
    if (!disk.isConfirming(moment)) continue;
    found.push(await runs.latestStep(afterCut(`moment-${moment}`, disk.cut(moment, allLost))));
  }
  assert.deepEqual([...new Set(found)], [0, ...savedSteps]);
});

describe(`power cuts of seed ${seed}`, { concurrency: 2 }, () => {
  for (let cut = 0; cut < cuts; cut++) {
    const next = random(seed, cut);
    const moment = Math.floor(((cut + next()) / cuts) * disk.moments);
    test(`cut ${cut + 1} of seed ${seed}, ${disk.describe(moment)}`, async () => {
      const trainDir = afterCut(`cut-${cut}`, disk.cut(moment, fatesByChance(next)));
      if (existsSync(trainDir)) await runs.latestStep(trainDir);
      await expectGoesOn(trainDir);
    });
  }
});

test(
  'TensorBoard reads what each cut left, and shows the views of a whole run in the end',
  {
    skip: skipWithoutPython('tensorboard'),
  },
  () => runs.expectSameViews(),
);
