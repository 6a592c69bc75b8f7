/** Python's pip: fetches wheels from the index that its settings name, and unpacks them. */
import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { ProgramError, runProgram } from './runProgram.ts';

/** How wheels are fetched. */
export interface PipOptions {
  /** Where they are unpacked, all into one; made here. */
  readonly folder: string;
  /** What can be done without pip: ends the message that it is missing, behind "Install it". */
  readonly orElse?: string;
  /** Takes a line for each wheel. */
  readonly report: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fetches a wheel, without those that it depends on, and unpacks it. No code of it is run.
 *
 * @param requirement  as pip takes it, such as 'tensorflow==2.21.0'
 * @param flags        of `pip install`
 * @throws ProgramError  when pip fails
 */
export type UnpackWheel = (requirement: string, flags?: readonly string[]) => Promise<void>;

/** Fails where there is no pip; to start pip itself would take ten times as long. */
const hasPip = 'import importlib.util, sys; sys.exit(importlib.util.find_spec("pip") is None)';

async function findPython(orElse: string, signal: AbortSignal | undefined): Promise<string> {
  for (const python of ['python3', 'python']) {
    try {
      await runProgram(python, ['-c', hasPip], { signal, limitSeconds: 60 });
      return python;
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error;
    }
  }
  throw new UserError(
    'pypi: found no python3 with pip; expected one to fetch the wheel. ' +
      `Install it (on Debian and Ubuntu: apt install python3-pip)${orElse}`,
  );
}

/** Moves what a folder holds into another, where folders of one name become one. */
async function moveInto(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    if (!existsSync(target)) await rename(source, target);
    else if (statSync(source).isDirectory()) await moveInto(source, target);
  }
  await rm(from, { recursive: true });
}

/**
 * Makes pip ready to fetch wheels into a folder, one after the other, so that few lie packed beside what they
 * unpack to.
 *
 * @throws UserError  when there is no Python with pip
 */
export async function openPip(options: PipOptions): Promise<UnpackWheel> {
  const { folder, orElse = '', report, signal } = options;
  const python = await findPython(orElse, signal);
  await mkdir(folder);
  const unpacked = join(folder, 'unpacked');
  const pip = [
    ...['-m', 'pip', 'install', `--target=${unpacked}`, '--no-deps', '--only-binary=:all:'],
    ...['--no-compile', '--no-user', '--no-cache-dir', '--disable-pip-version-check', '--no-input'],
  ];
  return async (requirement, flags = []) => {
    await runProgram(python, [...pip, ...flags, requirement], {
      signal,
      // pip unpacks here first: on the same disk it need not copy, and a small /tmp does not matter.
      env: { TMPDIR: folder },
      report: (line) => {
        if (/^\s*(Downloading|Processing|Using cached) .*\.whl/.test(line)) report(line.trim());
      },
    });
    // A wheel whose conditions do not hold here leaves nothing.
    if (existsSync(unpacked)) await moveInto(unpacked, folder);
  };
}
