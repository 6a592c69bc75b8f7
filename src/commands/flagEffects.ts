/** Flags that are given in vain: refused, since whoever gives a flag expects something of it. */
import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { tell } from '../terminal.ts';

/** When some flags have an effect. */
export interface FlagEffect<F> {
  readonly flags: readonly (keyof F & string)[];
  /**
   * Says what takes their effect away, such as "without --watch"; undefined when they have one.
   *
   * @param flags    values of all flags
   * @param isGiven  whether the command line has a flag, with whatever value
   */
  readonly missing: (
    flags: F,
    isGiven: (name: keyof F & string) => boolean,
  ) => string | undefined | Promise<string | undefined>;
  /** Only a line on stderr: command lines of TF-Slim, which ignores these flags, too, are to work. */
  readonly isTaken?: boolean;
}

/** Whether a value asks for nothing: `--nojson`, `--hm=`, `--projector_items=0`. */
function asksForNothing(value: unknown): boolean {
  return !value || (Array.isArray(value) && value.length === 0);
}

/**
 * Looks for flags that were given in vain; warns on stderr of those that are taken nevertheless.
 *
 * @param flags    values of all flags
 * @param isGiven  whether the command line has a flag, with whatever value
 * @throws UsageError  naming the flags and what takes their effect away
 */
export async function expectEffects<F>(
  effects: readonly FlagEffect<F>[],
  flags: F,
  isGiven: (name: keyof F & string) => boolean,
): Promise<void> {
  for (const { flags: names, missing, isTaken } of effects) {
    const given = names.filter((name) => isGiven(name) && !asksForNothing(flags[name]));
    if (given.length === 0) continue;
    const reason = await missing(flags, isGiven);
    if (reason === undefined) continue;
    const inVain = given.map((name) => `--${name}`).join(', ');
    const verb = given.length === 1 ? 'has' : 'have';
    if (!isTaken) throw new UsageError(`${inVain}: ${verb} no effect ${reason}.`);
    tell(`losslens: ${inVain}: ${verb} no effect ${reason}`);
  }
}

/** Lets a command look for flags that were given in vain before it does anything. */
export function withEffects<F>(command: Command, effects: readonly FlagEffect<F>[]): Command {
  return command.hook('preAction', () =>
    expectEffects(
      effects,
      command.opts() as F,
      (name) => command.getOptionValueSource(name) === 'cli',
    ),
  );
}
