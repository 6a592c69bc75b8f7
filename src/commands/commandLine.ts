/** The words of the command line, in all the forms that people write flags in. */
import { homedir } from 'node:os';
import type { Command, Option } from 'commander';
import { excerpt, UsageError } from '../errors.ts';
import { nearestNames } from '../nearestNames.ts';

/** What decides how a flag is written. */
type DeclaredFlag = Pick<Option, 'long' | 'required' | 'optional'>;

/** Flags of every command. */
const ofEveryCommand = ['help', 'version'];

/** Dashes of any kind, a name, and perhaps a value; editors make one long dash of two hyphens. */
const flagPattern = /^([\p{Pd}\u2212]{1,2})(\p{L}[\w-]+)(?:=(.*))?$/su;

function codePoint(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** A path with the user's home folder for ~: shells put it there at the beginning of a word, and not behind "=". */
function withHome(value: string): string {
  return value.replace(/^~(?=\/|$)/, () => homedir());
}

/**
 * Rewrites arguments to the one form that is declared: dashes in names become underscores, one hyphen
 * before a name becomes two, and of a boolean x `--nox` becomes `--x=false` and `--x`, without a `true`
 * or `false` behind it, `--x=true`, so that what follows is not taken for its value. In `--x=~/y` ~ is the user's
 * home folder.
 *
 * @param args   the arguments behind the program's name
 * @param flags  those that the command has
 * @param usage  the command as it is called, such as "losslens train"; undefined where it is not
 *               known yet, and with it not which flags there are
 * @throws UsageError  for flags that are not known, and for those that begin with another dash
 */
export function normalizeArguments(
  args: readonly string[],
  flags: readonly DeclaredFlag[],
  usage: string | undefined,
): string[] {
  const declared = new Map(flags.map((flag) => [flag.long?.slice(2), flag]));
  const normalized: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const argument = args[i]!;
    if (argument === '--') return [...normalized, ...args.slice(i)];
    const [, dashes, written, value] = flagPattern.exec(argument) ?? [];
    if (dashes === undefined || written === undefined) {
      normalized.push(argument);
      continue;
    }
    const name = written.replaceAll('-', '_');
    const positive = name.replace(/^no_?/, '');
    const isNegated =
      name.startsWith('no') && value === undefined && declared.get(positive)?.optional === true;
    const flag = declared.get(name) ?? (isNegated ? declared.get(positive) : undefined);
    const wrongDash = [...dashes].find((dash) => dash !== '-');
    if (flag !== undefined && wrongDash !== undefined) {
      throw new UsageError(
        `${argument}: begins with the dash ${codePoint(wrongDash)}; expected two hyphens, --${argument.slice(dashes.length)}.`,
      );
    }
    if (flag === undefined) {
      const isLeft = wrongDash !== undefined || ofEveryCommand.includes(name);
      if (usage !== undefined && !isLeft) throw unknownFlag(argument, name, declared.keys(), usage);
      normalized.push(argument);
    } else if (value !== undefined) {
      normalized.push(`--${name}=${withHome(value)}`);
    } else if (!declared.has(name)) {
      normalized.push(`--${positive}=false`);
    } else if (flag.optional) {
      const isFollowed = /^(true|false)$/i.test(args[i + 1] ?? '');
      normalized.push(`--${name}=${isFollowed ? args[++i] : 'true'}`);
    } else {
      normalized.push(`--${name}`);
      // Its value may begin with a hyphen, too.
      if (flag.required && i + 1 < args.length) normalized.push(args[++i]!);
    }
  }
  return normalized;
}

/** What names the folder of a run in one command is called otherwise in another. */
const sameFolder: Readonly<Record<string, string>> = {
  checkpoint_path: 'train_dir',
  train_dir: 'checkpoint_path',
};

function unknownFlag(
  argument: string,
  name: string,
  known: Iterable<string | undefined>,
  usage: string,
): UsageError {
  const names = [...known].filter((each) => each !== undefined);
  const same = names.filter((each) => each === sameFolder[name]);
  const likely = same.length > 0 ? same : nearestNames(name, names, 3, 0.25);
  const nearest = likely.map((each) => `--${each}`);
  const hint = nearest.length === 0 ? '' : ` Did you mean ${nearest.join(' or ')}?`;
  return new UsageError(
    `${argument}: ${usage} has no flag of this name.${hint} All: ${usage} --help`,
  );
}

/**
 * Node has U+FFFD for each byte that is not UTF-8: another folder would be meant, the same by several names.
 *
 * @param args  as `normalizeArguments` gives them
 * @throws UsageError  naming the flag that has one in its value, or else the word
 */
export function expectUtf8(args: readonly string[]): void {
  const i = args.findIndex((argument) => argument.includes('\uFFFD'));
  if (i < 0) return;
  const [, own, value = args[i]!] = /^(--\w+)=(.*)$/s.exec(args[i]!) ?? [];
  const flag = own ?? (/^--\w+$/.test(args[i - 1] ?? '') ? args[i - 1] : undefined);
  const where = flag === undefined ? '' : `${flag}: `;
  throw new UsageError(
    `${where}got "${excerpt(value)}", in which \uFFFD can stand for any byte that is not UTF-8; expected UTF-8 without it.`,
  );
}

/**
 * As `expectUtf8`, of the folder that a command is called in: what is relative to it would be kept under another name.
 *
 * @throws UsageError  naming it
 */
export function expectUtf8Folder(folder: string): void {
  if (!folder.includes('\uFFFD')) return;
  throw new UsageError(
    `the folder that it was started in is "${excerpt(folder)}", in which \uFFFD can stand for any byte that is not UTF-8; rename it, or start in another one.`,
  );
}

/** @throws UsageError  naming the first word that a command has no use for */
export function expectNoMoreWords(command: Command, usage: string): void {
  const { registeredArguments } = command;
  if (registeredArguments.at(-1)?.variadic) return;
  const word = command.args[registeredArguments.length];
  if (word === undefined) return;
  throw new UsageError(
    `"${word}": this word is not understood; expected flags as --name=value. All: ${usage} --help`,
  );
}
