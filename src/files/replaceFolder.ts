/**
 * Folders that appear as a whole: what belongs into one is gathered in a folder beside it, which is renamed at
 * the very end. Whatever stops the work, what was there before stays, or nothing; after a kill between two renames the
 * next process that gathers puts it back.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Cleanup } from '../cleanup.ts';
import { isMissing } from '../errors.ts';
import { lockFolder } from './folderLock.ts';
import { expectFreeSpace } from './freeSpace.ts';

/** Who makes a folder appear. */
export interface FolderUse {
  /** The command that writes to it, such as 'engine install'; for messages. */
  readonly command: string;
  /** What the user sets to choose where it appears, such as 'LOSSLENS_HOME'; for messages. */
  readonly setting: string;
  /** Ends the waiting for a lock that looks left behind. */
  readonly signal: AbortSignal | undefined;
}

/** Where a folder is gathered; each process has a place of its own, should it lose its lock. */
export function partialOf(target: string): string {
  return `${target}.partial-${process.pid}`;
}

/** Where the folder that is there lies, whole, while another takes its place. */
function replacedOf(target: string): string {
  return `${target}.replaced`;
}

/**
 * Begins to gather a folder. The one in which it is to appear is locked: what others gather there at the same time
 * would be taken for what killed processes have left, and deleted.
 *
 * @param bytes    that are going to be written
 * @param cleanup  deletes what is gathered or was replaced, and gives the lock free
 * @returns        an empty folder to gather it in, for `replaceFolder`
 * @throws UserError  when it cannot be written to, another process holds the lock, or its file system has less room
 */
export async function beginFolder(
  target: string,
  bytes: number,
  { command, setting, signal }: FolderUse,
  cleanup: Cleanup,
): Promise<string> {
  const folder = dirname(target);
  const lock = await lockFolder(folder, setting, { signal });
  cleanup.add(() => lock.release());
  if (!existsSync(target)) await renameExisting(replacedOf(target), target);
  await removeLeftovers(folder, basename(target));
  const remedy = `Free some, or set ${setting} to a folder of another disk`;
  await expectFreeSpace(command, folder, bytes, remedy);
  const gathered = partialOf(target);
  cleanup.add(() => rm(gathered, { recursive: true, force: true }));
  await mkdir(gathered);
  return gathered;
}

/** Renames a folder, if it is there. */
async function renameExisting(folder: string, name: string): Promise<void> {
  await rename(folder, name).catch((error: Error) => {
    if (!isMissing(error)) throw error;
  });
}

/** Has a gathered folder change places with the one that is there, if any, which goes with the cleanup then. */
export async function replaceFolder(gathered: string, target: string): Promise<void> {
  const replaced = replacedOf(target);
  await renameExisting(target, replaced);
  try {
    await rename(gathered, target);
  } catch (error) {
    // Why the new one could not take its place is what is said.
    await rename(replaced, target).catch(() => {});
    throw error;
  }
  // Under its other name it would be put back half deleted.
  await renameExisting(replaced, gathered);
}

/** Deletes what killed processes have left of a folder while they gathered it; the one that it is in is locked. */
export async function removeLeftovers(folder: string, name: string): Promise<void> {
  for (const each of await readdir(folder)) {
    const [, of] = /^(.+)\.(?:partial-\d+|replaced)$/.exec(each) ?? [];
    if (of === name) await rm(join(folder, each), { recursive: true, force: true });
  }
}
