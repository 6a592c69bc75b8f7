/** What `losslens train` takes where nobody names anything else. */
import { trainFlags } from '../src/commands/trainFlags.ts';
import type { RunOptions } from '../src/training/runOptions.ts';

/** All flags at their defaults. */
export function defaultOptions(): RunOptions {
  const defaults = Object.values(trainFlags).flatMap((group) =>
    Object.entries(group).map(([name, { defaultValue }]) => [name, defaultValue]),
  );
  return Object.fromEntries(defaults) as RunOptions;
}
