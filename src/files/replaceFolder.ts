/**
 * Folders that appear as a whole: what belongs into one is gathered in a folder beside it, which is renamed at
 * the very end. Whatever stops the work, what was there before stays, or nothing.
 */
import { accessSync, constants } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, reasonOf, UserError } from '../errors.ts';
import { expectFreeSpace } from './freeSpace.ts';
import { makeFolder } from './makeFolder.ts';

/** What a message about a folder names. */
export interface FolderUse {
  /** The command that writes to it, such as 'engine install'. */
  readonly command: string;
  /** What the user sets to choose it, such as 'LOSSLENS_HOME'. */
  readonly setting: string;
}

/** Where a folder is gathered; each process has a place of its own, so that two can work at once. */
export function partialOf(target: string): string {
  return `${target}.partial-${process.pid}`;
}

/**
 * Makes a folder ready for one named `name` to appear in it, and removes what processes that were killed
 * while they gathered it have left.
 *
 * @param bytes  that are going to be written
 * @throws UserError  when it cannot be written to, or its file system has less room
 */
export async function prepareFolder(
  folder: string,
  name: string,
  bytes: number,
  { command, setting }: FolderUse,
): Promise<void> {
  try {
    await makeFolder(folder);
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new UserError(
      `${command}: cannot write into ${folder} (${reasonOf(error)}); expected a folder ` +
        `of yours. Set ${setting} to one`,
    );
  }
  await removeLeftovers(folder, name);
  const remedy = `Free some, or set ${setting} to a folder of another disk`;
  await expectFreeSpace(command, folder, bytes, remedy);
}

/** Others may put theirs there at the same time; then it is tried again. */
const maxAttempts = 100;

/**
 * Has a gathered folder take its place, and that of one that is there: by two renames. Of several processes that do
 * so at once, the last one's stays.
 */
export async function replaceFolder(gathered: string, target: string): Promise<void> {
  const replaced = `${target}.replaced-${process.pid}`;
  for (let attempt = 1; ; attempt++) {
    await rename(target, replaced).catch((error: Error) => {
      if (!isMissing(error)) throw error;
    });
    try {
      await rename(gathered, target);
      break;
    } catch (error) {
      const isTaken = ['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '');
      if (!isTaken || attempt === maxAttempts) {
        // Why the new one could not take its place is what is said.
        await rename(replaced, target).catch(() => {});
        throw error;
      }
      // What another process has put there since is as good as what was there.
      await rm(replaced, { recursive: true, force: true });
    }
  }
  await rm(replaced, { recursive: true, force: true });
}

async function removeLeftovers(folder: string, name: string): Promise<void> {
  for (const each of await readdir(folder)) {
    const [, of, processId] = /^(.+)\.(?:partial|replaced)-(\d+)$/.exec(each) ?? [];
    if (of === name && !isRunning(Number(processId))) {
      await rm(join(folder, each), { recursive: true, force: true });
    }
  }
}

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
