/**
 * A run whose machine lost its power at any moment, and that is started again, ends as if nothing had
 * happened. The calls of a run are recorded, and the disk made that a power cut may leave: what no fsync
 * has confirmed may be there or not. $LOSSLENS_POWER_CUTS says how many cuts there are;
 * $LOSSLENS_POWER_CUTS_SEED repeats those of an earlier run.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { maskedCrc32c } from '../../src/files/crc32c.ts';
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
import { expectSameViews, latestStep, SmallRun } from './smallRun.ts';

const asked = process.env['LOSSLENS_POWER_CUTS'];
const cuts = Number(asked ?? 5);
/** Of the tests' own cuts always the same, so that they fail by a change alone; others are for looking. */
const ownSeed = asked === undefined ? 1 : Math.floor(Math.random() * 2 ** 31);
const seed = Number(process.env['LOSSLENS_POWER_CUTS_SEED'] ?? ownSeed);
const folder = temporaryFolder();
/** Of even seeds those whose checkpoints and tables are written by threads. */
const runs = new SmallRun(join(folder, 'small'), seed % 2 === 0);

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

/** Makes the disk that a cut leaves. @returns the run's folder there */
function afterCut(name: string, files: Files): string {
  const root = join(folder, name);
  writeFiles(root, files);
  return join(root, 'run');
}

const whole = join(folder, 'whole');
mkdirSync(whole);
const wholeRecord = join(folder, 'whole.record');
await runs.runWhole(join(whole, 'run'), 'recordHook.js', { LOSSLENS_RECORD: wholeRecord });
const wholeDisk = new RecordedDisk(wholeRecord, whole);

/** The disk of a run that goes on after a first power cut. */
async function secondDisk(): Promise<RecordedDisk> {
  const next = random(seed);
  const moment = Math.floor((0.2 + 0.6 * next()) * wholeDisk.end);
  const before = wholeDisk.cut(moment, fatesByChance(next));
  const trainDir = afterCut('second', before);
  const record = join(folder, 'second.record');
  const { code, stderr } = await runs.start(trainDir, 'recordHook.js', {
    LOSSLENS_RECORD: record,
  })[1];
  assert.equal(code, 0, stderr);
  runs.expectSameFiles(trainDir);
  return new RecordedDisk(record, join(folder, 'second'), before);
}

const goingOnDisk = await secondDisk();

test('the record of calls gives the files of the run, byte for byte', () => {
  assert.deepEqual(wholeDisk.cut(wholeDisk.end, allKept), filesIn(whole));
  assert.deepEqual(goingOnDisk.cut(goingOnDisk.end, allKept), filesIn(join(folder, 'second')));
});

test('a run that has ended outlives a power cut with all of its files', async () => {
  for (const [i, disk] of [wholeDisk, goingOnDisk].entries()) {
    const confirmed = disk.cut(disk.end, allLost);
    for (const [path, content] of disk.cut(disk.end, allKept)) {
      assert.deepEqual(confirmed.get(path), content, path);
    }
    await runs.expectSameEnd(afterCut(`ended-${i}`, confirmed));
  }
});

const ofCheckpoints = /^run($|\/checkpoint|\/model\.ckpt-)/;
/** Latest steps, by what a folder holds of checkpoints. */
const knownSteps = new Map<string, number>();

/** Steps of the latest checkpoint that a cut leaves; the checkpoints alone are made for it. */
async function stepAfterCut(files: Files): Promise<number> {
  const checkpoints = new Map([...files].filter(([path]) => ofCheckpoints.test(path)));
  const parts = [...checkpoints].map(
    ([path, content]) => `${path} ${content && maskedCrc32c(content)}`,
  );
  const key = parts.sort().join();
  const known = knownSteps.get(key);
  if (known !== undefined) return known;
  const step = await latestStep(afterCut(`checkpoints-${knownSteps.size}`, checkpoints));
  knownSteps.set(key, step);
  return step;
}

test('a checkpoint that was saved is not lost any more', async () => {
  for (const [call, path, saved] of [
    ['mkdir', 'run', 0],
    ['open', 'run/model.ckpt-6.data-00000-of-00001.tmp', 3],
    ['open', 'run/model.ckpt-8.data-00000-of-00001.tmp', 6],
    ['mkdir', 'run/projector-8', 8],
  ] as const) {
    const moment = wholeDisk.momentOf(call, path);
    assert.equal(await stepAfterCut(wholeDisk.cut(moment, allLost)), saved, path);
  }
});

test('at any moment the latest checkpoint is whole, and none before it was later', async () => {
  const next = random(seed);
  const ways = asked === undefined ? 1 : 10;
  for (const disk of [wholeDisk, goingOnDisk]) {
    let before = 0;
    for (const stretch of disk.stretches) {
      const moment = stretch.at(-1)!;
      if (!ofCheckpoints.test(disk.pathAt(moment))) continue;
      const least = await stepAfterCut(disk.cut(moment, allLost));
      assert.ok(least >= before, disk.describe(moment));
      before = least;
      for (let way = 0; way < ways; way++) {
        const step = await stepAfterCut(disk.cut(moment, fatesByChance(next)));
        assert.ok(step >= least, disk.describe(moment));
      }
    }
  }
});

describe(`power cuts of seed ${seed}`, { concurrency: 2 }, () => {
  for (let cut = 0; cut < cuts; cut++) {
    const next = random(seed, cut);
    const disk = cut % 4 === 3 ? goingOnDisk : wholeDisk;
    const stretch = disk.stretches[Math.floor(((cut + next()) / cuts) * disk.stretches.length)]!;
    const moment = stretch[Math.floor(next() * stretch.length)]!;
    const which = disk === goingOnDisk ? 'a second one, ' : '';
    test(`cut ${cut + 1} of seed ${seed}: ${which}${disk.describe(moment)}`, async () => {
      const trainDir = afterCut(`cut-${cut}`, disk.cut(moment, fatesByChance(next)));
      await latestStep(trainDir);
      runs.keepLogs(trainDir);
      await runs.expectSameEnd(trainDir);
    });
  }
});

test(
  'TensorBoard reads what each cut left, and shows the views of a whole run in the end',
  {
    skip: skipWithoutPython('tensorboard'),
  },
  () => expectSameViews([runs]),
);
