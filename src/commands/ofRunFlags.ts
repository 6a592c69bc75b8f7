/** The flags of a run as the commands that look at it have them: left out, each is the run's own. */
import type { Flag, FlagGroups } from './flags.ts';
import { engineFlags, trainFlags } from './trainFlags.ts';

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
  Engine: { engine: engineFlags.engine, gpu: engineFlags.gpu },
} satisfies FlagGroups;
