/** The flags of a run, for commands that look at it: given ones, else its own from `run.json`. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { readRunRecord } from '../runFiles/runRecord.ts';
import { expectEffects } from './flagEffects.ts';
import type { Flag, FlagGroups, FlagValues } from './flags.ts';
import { dataFlagEffects } from './trainFlagEffects.ts';
import { engineFlags, type TrainFlags, trainFlags } from './trainFlags.ts';

/** Flags with the values that may be left out. */
type Inherited<F> = {
  readonly [K in keyof F]: F[K] extends Flag<infer T> ? Flag<T | undefined> : never;
};

/** The same flags, each without a default: where one is left out, the run's own value holds. */
export function inherited<F extends Readonly<Record<string, Flag<unknown>>>>(
  flags: F,
): Inherited<F> {
  const entries = Object.entries(flags)
    .filter(([, flag]) => !flag.isUnsupported)
    .map(([name, flag]) => [name, { ...flag, defaultValue: undefined }]);
  return Object.fromEntries(entries) as Inherited<F>;
}

const { batch_size: _, ...data } = trainFlags.Data;
const { model_name } = trainFlags.Model;
const { seed } = trainFlags.Optimisation;

/** Flags that say what data and network a run has; left out, they are the run's own. */
export const ofRunFlags = {
  'Data (by default those of the run)': inherited({ ...data, seed }),
  'Model (by default that of the run)': inherited({ model_name }),
  Engine: { engine: engineFlags.engine },
} satisfies FlagGroups;

/** The folder of the run that a checkpoint, given as itself or by its folder, is of. */
export function runFolder(checkpointPath: string): string {
  const isFolder = statSync(checkpointPath, { throwIfNoEntry: false })?.isDirectory();
  return isFolder ? checkpointPath : dirname(checkpointPath);
}

const allDefaults: Readonly<Record<string, unknown>> = Object.fromEntries(
  Object.values(trainFlags).flatMap((group) =>
    Object.entries(group).map(([name, { defaultValue }]) => [name, defaultValue]),
  ),
);

/**
 * All flags of a run: the given ones, else those of its `run.json`, else the defaults of train.
 *
 * Label noise and corrected labels belong to the data that the run was trained on: for other data
 * they are left out.
 *
 * @param folder  of the run, which need not hold a `run.json`; undefined for no run
 * @param given   flags of the command line, undefined where they were left out
 * @throws UserError  when run.json is damaged, or a flag is given in vain
 */
export async function resolveRunFlags(
  folder: string | undefined,
  given: Partial<FlagValues<typeof ofRunFlags>>,
): Promise<TrainFlags> {
  const recorded = folder === undefined ? undefined : (await readRunRecord(folder))?.flags;
  const named = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
  const isOtherData = ['dataset_name', 'dataset_dir', 'dataset_split_name'].some(
    (name) => named[name] !== undefined && named[name] !== recorded?.[name],
  );
  const ofOtherData: Readonly<Record<string, unknown>> = isOtherData
    ? { label_noise: 0, labels_file: undefined }
    : {};
  const flags = { ...allDefaults, ...recorded, ...ofOtherData, ...named } as TrainFlags;
  await expectEffects(dataFlagEffects, flags, (name) => named[name] !== undefined);
  return flags;
}
