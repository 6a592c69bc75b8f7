/** The values of a run's flags, for commands that look at it: given ones, else its own from `run.json`. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { unlistedCheckpoints } from '../checkpoint/checkpoints.ts';
import { excerpt, UsageError, UserError } from '../errors.ts';
import { statsOf } from '../files/statsOf.ts';
import type { OwnLabels } from '../input/runData.ts';
import { isNetworkFile } from '../nets/ownNetwork.ts';
import { labelChangesFile } from '../runFiles/labelChanges.ts';
import { tellOfOtherModule } from '../runFiles/networkModule.ts';
import { type RunRecord, readRunRecord } from '../runFiles/runRecord.ts';
import { tell } from '../terminal.ts';
import { readWeightsRecord } from '../weights/record.ts';
import { expectEffects, type FlagEffect } from './flagEffects.ts';
import type { Flag, FlagValues } from './flags.ts';
import type { ofRunFlags } from './ofRunFlags.ts';
import { dataFlagEffects } from './trainFlagEffects.ts';
import { type TrainFlags, trainFlags } from './trainFlags.ts';

/**
 * The folder of the run that a checkpoint, given as itself or by its folder, is of.
 *
 * @throws UserError  when the disk does not say what it is
 */
export function runFolder(checkpointPath: string): string {
  const isFolder = statsOf(checkpointPath, '--checkpoint_path')?.isDirectory();
  return isFolder ? checkpointPath : dirname(checkpointPath);
}

/** The flags of a run, and of its labels what they leave out, because other data are named. */
export type RunFlags = TrainFlags & { readonly ownLabels: OwnLabels };

const allFlags: ReadonlyMap<string, Flag<unknown>> = new Map(
  Object.values(trainFlags).flatMap((group) => Object.entries<Flag<unknown>>(group)),
);
const allDefaults: Readonly<Record<string, unknown>> = Object.fromEntries(
  Array.from(allFlags, ([name, { defaultValue }]) => [name, defaultValue]),
);

/**
 * Flags of a record as the command line would have them: a file that was copied from elsewhere may say
 * anything.
 *
 * @throws UserError  naming one that has a value which it cannot have
 */
function checkedFlags(folder: string, { flags }: RunRecord): RunRecord['flags'] {
  const checked = Object.entries(flags).map(([name, value]) => {
    const flag = allFlags.get(name);
    const isDefault = JSON.stringify(value) === JSON.stringify(flag?.defaultValue);
    // null stands for what JSON has no number for, such as no end.
    if (flag === undefined || isDefault || value === null) return [name, value];
    const isNested = value instanceof Object && !Array.isArray(value);
    try {
      if (isNested) throw new UserError(`--${name}: got an object; expected a value.`);
      return [name, flag.parse(String(value), name)];
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`${join(folder, 'run.json')}: ${excerpt(error.message)}`);
    }
  });
  return Object.fromEntries(checked);
}

/** Where a path leads to, whatever way it is written; undefined for none. */
function place(path: unknown): string | undefined {
  if (typeof path !== 'string') return undefined;
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/**
 * What stands for the flags of a run that hold for its data alone.
 *
 * @returns  undefined where given flags name no other data
 */
function ofOtherData(
  given: Readonly<Record<string, unknown>>,
  recorded: RunRecord['flags'] | undefined,
): Readonly<Record<string, unknown>> | undefined {
  const isOther = (name: string) => given[name] !== undefined && given[name] !== recorded?.[name];
  const labels = { label_noise: 0, labels_file: undefined };
  if (isOther('dataset_name')) return { ...labels, dataset_dir: undefined };
  const isElsewhere =
    isOther('dataset_dir') && place(given['dataset_dir']) !== place(recorded?.['dataset_dir']);
  return isElsewhere || isOther('dataset_split_name') ? labels : undefined;
}

/** Label noise and corrected labels of a run, where the command line does not name others. */
function ownLabelsOf(
  recorded: RunRecord['flags'] | undefined,
  given: Readonly<Record<string, unknown>>,
): OwnLabels {
  const names = ['labels_file', 'label_noise'].filter(
    (name) => recorded?.[name] && given[name] === undefined,
  );
  return Object.fromEntries(names.map((name) => [name, recorded?.[name]]));
}

/** @throws UserError  when data that a run names, and the command line does not, are gone */
function expectInPlace(
  folder: string,
  given: Readonly<Record<string, unknown>>,
  ofRun: Readonly<Record<string, unknown>>,
): void {
  for (const name of ['dataset_dir', 'labels_file']) {
    const path = ofRun[name];
    if (given[name] !== undefined || typeof path !== 'string' || existsSync(path)) continue;
    const changes = join(folder, labelChangesFile);
    const copy =
      name === 'labels_file' && existsSync(changes)
        ? ` What it changed is in ${changes}, which --labels_file takes, too.`
        : '';
    throw new UserError(
      `--${name}: ${path}, which ${join(folder, 'run.json')} names, is not there any more; say with --${name}=PATH where it is now.${copy}`,
    );
  }
}

/**
 * Keeps what a record says from being run as code: a module is imported where the command line names it.
 *
 * @throws UsageError  when it is left out and the run has one
 */
function expectNamedModule(folder: string, given: unknown, { flags }: RunRecord): void {
  const own = flags['model_name'];
  if (given !== undefined || typeof own !== 'string' || !isNetworkFile(own)) return;
  throw new UsageError(
    `--model_name: missing; the run in ${folder} was trained with a network of its own, ${own}. Give --model_name=${own} to run its code.`,
  );
}

/** Tells of a checkpoint whose network or data neither a record nor the command line names: others may be taken. */
async function tellOfDefaults(
  folder: string,
  given: Readonly<Record<string, unknown>>,
  { model_name, dataset_name }: TrainFlags,
): Promise<void> {
  if ((await unlistedCheckpoints(folder)).length === 0) return;
  const defaults = [
    given['model_name'] === undefined && `--model_name=${model_name}`,
    given['dataset_name'] === undefined && `--dataset_name=${dataset_name}`,
  ].filter((each) => typeof each === 'string');
  if (defaults.length === 0) return;
  tell(`no run.json in ${folder} says what was trained; by default: ${defaults.join(' ')}`);
}

/**
 * All flags of a run: the given ones, else those of its `run.json`, else the defaults of train. Published
 * weights have no run, but say what network they are of.
 *
 * Label noise and corrected labels belong to the data that the run was trained on, and so does the
 * folder: for other data they are left out, and `ownLabels` holds the labels.
 *
 * @param folder     of the run, which need not hold a `run.json`; undefined for no run
 * @param given      flags of the command line, undefined where they were left out
 * @param readsData  whether the data of the run are read
 * @param effects    of the flags of the command
 * @throws UserError  when run.json is damaged, or names data that are no longer there
 * @throws UsageError  when the run's network is a module that the command line does not name, or a
 *                     flag is given in vain
 */
export async function resolveRunFlags(
  folder: string | undefined,
  given: Partial<FlagValues<typeof ofRunFlags>>,
  readsData = true,
  effects: readonly FlagEffect<TrainFlags>[] = dataFlagEffects,
): Promise<RunFlags> {
  const read = folder === undefined ? undefined : await readRunRecord(folder);
  const record = read && { ...read, flags: checkedFlags(folder!, read) };
  if (folder !== undefined && record !== undefined) {
    expectNamedModule(folder, given.model_name, record);
    await tellOfOtherModule(folder, given.model_name, record);
  }
  const named = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
  const otherData = ofOtherData(named, record?.flags);
  const ownLabels = otherData === undefined ? {} : ownLabelsOf(record?.flags, named);
  const weights = folder === undefined ? undefined : await readWeightsRecord(folder);
  const ofWeights = weights === undefined ? {} : { model_name: weights.name };
  const ofRun = { ...ofWeights, ...record?.flags, ...otherData };
  if (readsData && folder !== undefined) expectInPlace(folder, named, ofRun);
  const flags = { ...allDefaults, ...ofRun, ...named } as TrainFlags;
  if (folder !== undefined && record === undefined && weights === undefined && readsData) {
    await tellOfDefaults(folder, named, flags);
  }
  await expectEffects(effects, flags, (name) => named[name] !== undefined);
  return { ...flags, ownLabels };
}
