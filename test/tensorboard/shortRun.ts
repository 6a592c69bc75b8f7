/** A short run with everything in its log, on the engine and the data that are there everywhere. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { losslens, smallNetwork, temporaryFolder, writeSmallMnist } from '../losslens.ts';

/** Items that are trained on: two steps an epoch. */
export const items = 20;
export const epochs = 12;

/** The arguments of a run; each visits every item in every epoch. */
export function shortRunArguments(
  dataDir: string,
  trainDir: string,
  ...more: readonly string[]
): string[] {
  return [
    ...['train', '--engine=wasm', `--train_dir=${trainDir}`, `--model_name=${smallNetwork}`],
    ...['--dataset_name=mnist', `--dataset_dir=${dataDir}`, '--batch_size=10'],
    ...[`--max_number_of_epochs=${epochs}`, '--optimizer=momentum', '--learning_rate=0.01'],
    ...[
      '--learning_rate_decay_type=fixed',
      '--log_every_n_steps=1',
      '--seed=1',
      '--label_noise=0.1',
    ],
    ...['--ns=4', '--hm=pool1,pool2', '--eval_interval_epochs=3'],
    ...['--num_preprocessing_threads=1', ...more],
  ];
}

/** Where a run left its log. */
export interface ShortRun {
  readonly logdir: string;
  readonly trainDir: string;
  readonly dataDir: string;
  readonly stderr: string;
  /** The --samples_per_plugin of the command that the run printed. */
  readonly samples: string | undefined;
}

/** The data of the run; ten items in its test split. */
export function shortRunData(): string {
  const folder = temporaryFolder();
  writeSmallMnist(folder, items, 10);
  return folder;
}

/** Makes the run. */
export async function shortRun(...more: readonly string[]): Promise<ShortRun> {
  const logdir = temporaryFolder();
  const trainDir = join(logdir, 'run');
  const dataDir = shortRunData();
  const { code, stderr } = await losslens(shortRunArguments(dataDir, trainDir, ...more));
  assert.equal(code, 0, stderr);
  // Of the command at its end; the one at its beginning is about what is to come.
  const samples = stderr
    .split('\n')
    .flatMap((line) => /--samples_per_plugin (\S+)/.exec(line)?.[1] ?? [])
    .at(-1);
  return { logdir, trainDir, dataDir, stderr, samples };
}
