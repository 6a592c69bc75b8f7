/** A small run in this process, on a disk that has troubles; and what it has to leave. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  checkCheckpoint,
  latestCheckpoint,
  listCheckpoints,
} from '../../src/checkpoint/checkpoints.ts';
import { UserError } from '../../src/errors.ts';
import { eventFiles } from '../../src/events/readEvents.ts';
import { readRecords } from '../../src/files/recordReader.ts';
import { runTraining } from '../../src/training/run.ts';
import type { RunOptions } from '../../src/training/runOptions.ts';
import { smallNetwork, temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { someRun } from '../training/someRun.ts';
import { type Disk, setDisk } from './faultyDisk.ts';

/** Holds all that the runs leave. */
export const folder = temporaryFolder();
const data = join(folder, 'data');
mkdirSync(data);
writeSmallMnist(data, 40, 20);

/** Two epochs of four steps, with checkpoints after 3, 6 and 8; all of it is written by the main thread. */
const flags = {
  ...{ dataset_name: 'mnist', dataset_dir: data, optimizer: 'sgd', seed: 1, batch_size: 10 },
  ...{ max_number_of_epochs: 2, save_interval_steps: 3, eval_interval_epochs: 1, ns: 4 },
  ...{ log_every_n_steps: 1, projector_items: 4, num_preprocessing_threads: 1, label_noise: 0.2 },
} as const;
/** The same run by the command line, but for --train_dir. */
export const commandLine = [
  ...['train', '--engine=wasm', `--model_name=${smallNetwork}`, '--hm=pool1'],
  ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
];

/** How a run in this process ended, as the command line would say it. */
interface Ended {
  readonly trainDir: string;
  readonly code: number;
  readonly stderr: string;
  /** Of an error. */
  readonly message: string;
}

/** What the run has said so far. */
export let stderr = '';
let runs = 0;

/** Trains in this process, on a disk that is as it is told to be until the run ends. */
export async function trainOn(
  disk: Disk,
  trainDir = join(folder, `run-${runs++}`),
  more: Partial<RunOptions> = {},
): Promise<Ended> {
  const { write } = process.stderr;
  stderr = '';
  process.stderr.write = (text) => {
    stderr += text;
    return true;
  };
  await setDisk(disk);
  try {
    const options = someRun({ ...flags, hm: ['pool1'], train_dir: trainDir, ...more });
    return { code: await runTraining(options), stderr, message: '', trainDir };
  } catch (error) {
    // Anything else would be shown with its stack.
    assert.ok(error instanceof UserError, String((error as Error).stack));
    return { code: error.exitCode, stderr, message: error.message, trainDir };
  } finally {
    await setDisk({});
    process.stderr.write = write;
  }
}

/** What is there is whole, and nothing half-written is left. @returns the step of the last checkpoint */
export async function assertWhole(trainDir: string): Promise<string | undefined> {
  const listed = await listCheckpoints(trainDir);
  for (const path of listed) await checkCheckpoint(path);
  const found = readdirSync(trainDir).filter((name) => name.endsWith('.index'));
  assert.deepEqual(
    found.sort(),
    listed.map((path) => `${basename(path)}.index`),
    'all that are there are listed',
  );
  for (const log of [trainDir, join(trainDir, 'eval')].filter(existsSync)) {
    for (const path of eventFiles(log)) assert.ok([...readRecords(path)].length > 0, path);
  }
  const left = readdirSync(trainDir, { recursive: true, encoding: 'utf8' });
  assert.deepEqual(
    left.filter((name) => name.endsWith('.tmp')),
    [],
  );
  const latest = await latestCheckpoint(trainDir);
  return latest && basename(latest);
}

const recordFiles = ['items.csv', 'selection.csv', 'selections.jsonl', 'monitoring.jsonl'];

/** A file of a run, as text. */
export const contentOf = (trainDir: string, name: string) =>
  readFileSync(join(trainDir, name), 'utf8');

/** The records of a run. */
export const contents = (trainDir: string) => recordFiles.map((name) => contentOf(trainDir, name));

/** A run that nothing disturbed. */
export const undisturbed = await trainOn({});
assert.equal(undisturbed.code, 0, undisturbed.message);
/** Its records. */
export const expected = contents(undisturbed.trainDir);

/**
 * The same command, with the disk in order, ends the run as if nothing had happened.
 *
 * @param hasLost  whether the run went on without some of its records: these are not done again
 */
export async function assertGoesOn(trainDir: string, hasLost = false): Promise<void> {
  const { code, message } = await trainOn({}, trainDir);
  assert.equal(code, 0, message);
  assert.equal(await assertWhole(trainDir), 'model.ckpt-8');
  if (!hasLost) assert.deepEqual(contents(trainDir), expected);
  assert.equal(contentOf(trainDir, 'items.csv'), expected[0]);
}
