/** Keeps a second process out of a folder that one writes to. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { isOfFullDisk, reasonOf, UserError, unreadable } from '../errors.ts';
import { tell } from '../terminal.ts';
import { expectNoPipes } from './expectNoPipes.ts';
import {
  acquireLock,
  giveLockFree,
  type LockAttempt,
  type LockOptions,
  lockName,
  readHolder,
  removeGuards,
} from './lockFile.ts';
import type { HeartbeatData } from './lockHeartbeat.ts';
import { type Holder, isRunning, nameOf, newHolder, sinceOf } from './lockHolder.ts';
import { makeFolder, removeEmptyFolders } from './makeFolder.ts';
import { type FolderId, folderId, isSameFolder } from './sameFolder.ts';
import { syncMadeFolders } from './syncFolder.ts';

const defaults: LockOptions = {
  heartbeatSeconds: 15,
  staleSeconds: 180,
  watchSeconds: 45,
  signal: undefined,
};

/** A lock that is held. */
export interface FolderLock {
  /**
   * To be asked before something is written that must not be mixed up with another process' files. A disk from which
   * the lock cannot be read is left to that which writes.
   *
   * @throws UserError  when another process took the lock over, because this one was silent for long, when somebody
   *                    deleted it, or the folder is gone or another one
   */
  assertHeld(): Promise<void>;
  /** Gives the folder free; folders that were made for it, are there and are empty still are deleted. */
  release(): Promise<void>;
}

/**
 * Makes a folder where it is missing and locks it for this process. The lock of a process that was
 * killed is taken over, with a line that says so: at once where it ran, elsewhere after it was silent for
 * three minutes.
 *
 * @param flag  the flag that names the folder, for messages
 * @throws UserError  when the folder cannot be written to, holds a pipe, or another process holds it
 * @throws the signal's reason, when it is aborted while a lock is watched
 */
export async function lockFolder(
  folder: string,
  flag: string,
  given: Partial<LockOptions> = {},
): Promise<FolderLock> {
  const options = { ...defaults, ...given };
  const path = join(folder, lockName);
  const own = newHolder();
  /** The first folder on the way that was not there. */
  let made: string | undefined;
  const cannotWrite = async (error: Error) => {
    // Asked for where the folder still is.
    const reason = reasonOf(error);
    await removeEmptyFolders(folder, made);
    return new UserError(
      `${flag}: cannot write to "${folder}" (${reason}); ${isOfFullDisk(error) ? 'free some space, or name a folder of another disk' : "expected a folder of one's own. Name another folder"}.`,
    );
  };
  let attempt: LockAttempt | undefined;
  while (attempt === undefined) {
    const first = await makeFolder(folder).catch(async (error: Error) => {
      throw await cannotWrite(error);
    });
    made ??= first;
    await expectNoPipes(folder);
    attempt = await acquireLock(path, own, options).catch(async (error: Error) => {
      if (options.signal?.aborted) throw error;
      // Whoever made the folder has just deleted it: make it again.
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      if (code === 'EISDIR') throw unreadable(path, error, { flag, remedy: 'delete it' });
      throw await cannotWrite(error);
    });
  }
  if (!('file' in attempt)) throw refusal(folder, flag, path, attempt.holder, own, options);
  const { file, left } = attempt;
  if (left !== undefined) {
    const { holder, why } = left;
    tell(`${flag}: "${folder}": took the lock of ${nameOf(holder)}${sinceOf(holder)}, ${why}`);
  }
  const id = folderId(folder);
  await removeGuards(folder, own);
  await syncMadeFolders(folder, made);
  const workerData: HeartbeatData = {
    descriptor: file.fd,
    content: JSON.stringify(own),
    seconds: options.heartbeatSeconds,
  };
  let heartbeat: Worker;
  try {
    heartbeat = new Worker(new URL('./lockHeartbeat.js', import.meta.url), { workerData });
  } catch (error) {
    // The system gives no further thread, and the run needs more of them.
    await file.close();
    await giveLockFree(path, own);
    await removeEmptyFolders(folder, made);
    throw error;
  }
  // Without it the lock still holds on this machine.
  heartbeat.on('error', () => {}).unref();
  return {
    async assertHeld() {
      const holder = await readHolder(path).catch(() => own);
      if (holder?.token === own.token) return;
      throw new UserError(`${flag}: "${folder}" ${lossOf(folder, id, holder)}`);
    },
    async release() {
      await heartbeat.terminate();
      // What stays of a lock, on a disk that takes nothing any more, keeps nobody out.
      await file.close().catch(() => {});
      await giveLockFree(path, own).catch(() => {});
      if (isSameFolder(folder, id)) await removeEmptyFolders(folder, made);
    },
  };
}

/** How a lock was lost, as the end of a sentence about the folder. */
function lossOf(folder: string, id: FolderId, holder: Holder | undefined): string {
  if (!existsSync(folder)) {
    return 'is gone: it was deleted or moved while this process wrote to it. Where it was moved, it can be gone on with under its new name.';
  }
  if (!isSameFolder(folder, id)) {
    return 'is another folder now: the one that this process wrote to was deleted or moved, or its disk is gone.';
  }
  return `was taken over by ${nameOf(holder)}, because this one seemed to be dead, or its lock was deleted: was it stopped, or cut off from the disk?`;
}

function refusal(
  folder: string,
  flag: string,
  path: string,
  holder: Holder | undefined,
  own: Holder,
  { staleSeconds, watchSeconds }: LockOptions,
): UserError {
  const isKnown = holder !== undefined && isRunning(holder, own) === true;
  const seconds = staleSeconds + watchSeconds;
  const wait = isKnown ? '' : `; a lock that nobody touches for ${seconds} s is taken over`;
  return new UserError(
    `${flag}: "${folder}" is in use by ${nameOf(holder)}${sinceOf(holder)}; expected a folder that no other process writes to. ` +
      `Wait until that one has ended, name another folder, or delete ${path} if nothing runs there${wait}.`,
  );
}
