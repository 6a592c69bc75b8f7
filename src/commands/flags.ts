/** Flags as TF-Slim has them: `--name=value` with underscores, declared once with type and default. */
import { type Command, Option } from 'commander';
import { UsageError } from '../errors.ts';

/** One flag. */
export interface Flag<T> {
  /** Reads the text behind `--name=`. @throws UsageError naming the flag */
  readonly parse: (text: string, name: string) => T;
  readonly defaultValue: T;
  /** What stands for the value in the help, such as 'N'. */
  readonly placeholder: string;
  /** One sentence with the unit of the value. */
  readonly help: string;
  /** Values that a shell offers. */
  readonly choices?: readonly string[];
  readonly isBoolean?: boolean;
  /** Only there because TF-Slim has it. */
  readonly isUnsupported?: boolean;
}

/** Flags by group and name; the groups are the headings of the help. */
export type FlagGroups = Readonly<Record<string, Readonly<Record<string, Flag<unknown>>>>>;

type UnionToIntersection<U> = (U extends unknown ? (x: U) => void : never) extends (
  x: infer I,
) => void
  ? I
  : never;
/** The values that a command gets for its flags, by name. */
export type FlagValues<G extends FlagGroups> = {
  readonly [K in keyof UnionToIntersection<G[keyof G]>]: UnionToIntersection<
    G[keyof G]
  >[K] extends Flag<infer T>
    ? T
    : never;
};

/** Text. */
export function text(defaultValue: string, help: string): Flag<string> {
  return { parse: (value) => value, defaultValue, placeholder: 'TEXT', help };
}

/** Text that may be left out. */
export function optionalText(help: string): Flag<string | undefined> {
  return { parse: (value) => value, defaultValue: undefined, placeholder: 'TEXT', help };
}

function parsePath(value: string, name: string): string {
  // What a script makes of a variable that is not set.
  if (value === '') throw new UsageError(`--${name}: got ""; expected a path.`);
  return value;
}

/** A file or folder. */
export function path(defaultValue: string, help: string): Flag<string> {
  return { parse: parsePath, defaultValue, placeholder: 'PATH', help };
}

/** A file or folder that may be left out. */
export function optionalPath(help: string): Flag<string | undefined> {
  return { parse: parsePath, defaultValue: undefined, placeholder: 'PATH', help };
}

/** The address of a folder of a web server that may be left out. */
export function optionalUrl(help: string): Flag<string | undefined> {
  const parse = (value: string, name: string) => {
    if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) {
      throw new UsageError(
        `--${name}: got "${value}"; expected an address such as https://example.org/files.`,
      );
    }
    return value;
  };
  return { parse, defaultValue: undefined, placeholder: 'URL', help };
}

/** A comma-separated list of names. */
export function list(help: string): Flag<readonly string[]> {
  const parse = (value: string) => value.split(',').filter((name) => name !== '');
  return { parse, defaultValue: [], placeholder: 'NAME,NAME', help };
}

/** One of some names. */
export function choice<T extends string>(
  choices: readonly T[],
  defaultValue: T,
  help: string,
): Flag<T> {
  return {
    parse: (value, name) => {
      const known = choices.find((candidate) => candidate === value);
      if (known === undefined) {
        throw new UsageError(`--${name}: got "${value}"; expected one of ${choices.join(', ')}.`);
      }
      return known;
    },
    defaultValue,
    placeholder: 'NAME',
    choices,
    help: `${help} (${choices.join(', ')})`,
  };
}

/** The same, that may be left out. */
export function optionalChoice<T extends string>(
  choices: readonly [T, ...T[]],
  help: string,
): Flag<T | undefined> {
  return { ...choice<T>(choices, choices[0], help), defaultValue: undefined };
}

/** Bounds of a number, both included. */
interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

function parseNumber(value: string, name: string, bounds: Bounds, kind: string): number {
  const { min = -Infinity, max = Infinity } = bounds;
  const number = value.trim() === '' ? Number.NaN : Number(value);
  const isOfKind = kind === 'whole number' ? Number.isSafeInteger(number) : Number.isFinite(number);
  if (!isOfKind || number < min || number > max) {
    const range = (min > -Infinity ? ` from ${min}` : '') + (max < Infinity ? ` to ${max}` : '');
    throw new UsageError(`--${name}: got "${value}"; expected a ${kind}${range}.`);
  }
  return number;
}

/** A whole number. */
export function integer(defaultValue: number, help: string, bounds: Bounds = {}): Flag<number> {
  const parse = (value: string, name: string) => parseNumber(value, name, bounds, 'whole number');
  return { parse, defaultValue, placeholder: 'N', help };
}

/** A whole number that may be left out. */
export function optionalInteger(help: string, bounds: Bounds = {}): Flag<number | undefined> {
  return { ...integer(0, help, bounds), defaultValue: undefined };
}

/** A number. */
export function real(defaultValue: number, help: string, bounds: Bounds = {}): Flag<number> {
  const parse = (value: string, name: string) => parseNumber(value, name, bounds, 'number');
  return { parse, defaultValue, placeholder: 'X', help };
}

/** A number that may be left out. */
export function optionalReal(help: string, bounds: Bounds = {}): Flag<number | undefined> {
  return { ...real(0, help, bounds), defaultValue: undefined };
}

/** true or false: `--x`, `--nox`, `--x=true`, `--x=false`. */
export function boolean(defaultValue: boolean, help: string): Flag<boolean> {
  const parse = (value: string, name: string) => {
    if (/^(true|t|1|yes)$/i.test(value)) return true;
    if (/^(false|f|0|no)$/i.test(value)) return false;
    throw new UsageError(`--${name}: got "${value}"; expected true or false.`);
  };
  const choices = ['true', 'false'];
  return { parse, defaultValue, placeholder: 'true|false', choices, help, isBoolean: true };
}

/** The same, that may be left out. */
export function optionalBoolean(help: string): Flag<boolean | undefined> {
  return { ...boolean(false, help), defaultValue: undefined };
}

/** A flag of TF-Slim's that has nothing to act on here: accepted at the values that change nothing. */
export function unsupported<T>(flag: Flag<T>, why: string): Flag<T> {
  const possible = flag.defaultValue === '' ? '""' : flag.defaultValue;
  return {
    ...flag,
    parse: (value, name) => {
      const parsed = flag.parse(value, name);
      if (parsed !== flag.defaultValue) {
        throw new UsageError(`--${name}: got "${value}"; only ${possible} is possible: ${why}.`);
      }
      return parsed;
    },
    help: `only ${possible}: ${why}`,
    isUnsupported: true,
  };
}

/** Declares the flags on a command, with one heading of the help for each group. */
export function addFlags(command: Command, groups: FlagGroups): Command {
  command.configureHelp({
    // The longest names leave less room for their help than commander wraps by itself.
    minWidthToWrap: 30,
    optionDescription: ({ description, defaultValue }) =>
      String(defaultValue ?? '') === '' ? description : `${description} [${defaultValue}]`,
  });
  for (const [heading, flags] of Object.entries(groups)) {
    for (const [name, flag] of Object.entries(flags)) {
      const value = flag.isBoolean ? `[${flag.placeholder}]` : `<${flag.placeholder}>`;
      const option = new Option(`--${name} ${value}`, flag.help);
      if (flag.choices !== undefined) option.choices(flag.choices);
      option
        // It decides, and not the choices.
        .argParser((given: string) => flag.parse(given, name))
        .helpGroup(`${heading}:`);
      if (flag.defaultValue !== undefined) option.default(flag.defaultValue);
      command.addOption(option);
    }
  }
  return command;
}
