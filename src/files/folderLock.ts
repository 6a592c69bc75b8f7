/** Keeps a second process out of a folder that one writes to. */
import { existsSync } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { reasonOf, UserError } from '../errors.ts';
import { tell } from '../terminal.ts';
import type { HeartbeatData } from './lockHeartbeat.ts';
import { type Holder, isHolder, isRunning, newHolder } from './lockHolder.ts';
import { makeFolder, removeEmptyFolders } from './makeFolder.ts';
import { syncMadeFolders } from './syncFolder.ts';

const lockName = 'losslens.lock';

/** When a lock is taken to be left behind by a process that cannot be looked at from here. */
export interface LockTiming {
  /** The holder touches its lock so often. */
  readonly heartbeatSeconds: number;
  /** What is untouched for longer is watched: clocks of machines differ, and jump. */
  readonly staleSeconds: number;
  /** It is left behind when nothing happens for so long. */
  readonly watchSeconds: number;
}

const defaultTiming: LockTiming = { heartbeatSeconds: 15, staleSeconds: 180, watchSeconds: 45 };
/** Who takes a lock over holds its guard for milliseconds; it is asked again for so long. */
const maxGuardSeconds = 10;
const retrySeconds = 0.02;
/** Who makes a lock writes into it at once; one that is not written for so long is nobody's. */
const unfinishedSeconds = 2;

/** A lock that is held. */
export interface FolderLock {
  /**
   * To be asked before something is written that must not be mixed up with another process' files.
   *
   * @throws UserError  when another process took the lock over, because this one was silent for long,
   *                    or somebody deleted it
   */
  assertHeld(): Promise<void>;
  /** Gives the folder free; folders that were made for it and are empty still are deleted. */
  release(): Promise<void>;
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/** Reads who holds a lock. @returns undefined when it is gone or says nothing */
async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as unknown;
    return isHolder(holder) ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** When a file was touched, in milliseconds since 1970. */
async function touchedAt(path: string): Promise<number> {
  // Of a file that was just opened, network folders say what is, not what was.
  const file = await open(path, 'r');
  try {
    return (await file.stat()).mtimeMs;
  } finally {
    await file.close();
  }
}

/** Whether a lock is no JSON, and stays so: its process or its machine ended before it was written. */
async function isUnfinished(path: string): Promise<boolean> {
  const end = performance.now() + unfinishedSeconds * 1000;
  while (performance.now() < end) {
    try {
      JSON.parse(await readFile(path, 'utf8'));
      return false;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    await setTimeout(retrySeconds * 1000);
  }
  return true;
}

/** Whether a lock was left behind. @throws ENOENT when it is gone */
async function isLeft(
  path: string,
  holder: Holder | undefined,
  own: Holder,
  { staleSeconds, watchSeconds, heartbeatSeconds }: LockTiming,
): Promise<boolean> {
  const runs = holder && isRunning(holder, own);
  if (runs !== undefined) return !runs;
  if (holder === undefined && (await isUnfinished(path))) return true;
  const touched = await touchedAt(path);
  if (Math.abs(Date.now() - touched) < staleSeconds * 1000) return false;
  tell(`${path}: looks abandoned; watching it for ${watchSeconds} s`);
  const end = performance.now() + watchSeconds * 1000;
  while (performance.now() < end) {
    await setTimeout((heartbeatSeconds / 5) * 1000);
    if ((await touchedAt(path)) !== touched) return false;
  }
  return true;
}

/** Creates a lock's file. @returns null when there is one */
async function create(path: string, content: string): Promise<FileHandle | null> {
  let file: FileHandle;
  try {
    file = await open(path, 'wx');
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return null;
    throw error;
  }
  try {
    await file.write(content, 0);
    await file.sync();
    return file;
  } catch (error) {
    // A full disk leaves it empty.
    await file.close();
    await rm(path, { force: true });
    throw error;
  }
}

/**
 * The file that one must hold to take a lock away, its own holder too. It is named after just this
 * lock, so that nobody who looked earlier takes the next one away.
 */
function guardOf(path: string, holder: Holder | undefined): string {
  return `${path}.${holder?.token ?? 'unknown'}`;
}

/**
 * Creates a lock's file, or replaces one that was left behind; a guard that was left behind is
 * replaced in the same way.
 *
 * @returns  the file, or who holds the lock
 */
async function acquire(
  path: string,
  own: Holder,
  timing: LockTiming,
): Promise<{ readonly file: FileHandle } | { readonly holder: Holder | undefined }> {
  const end = performance.now() + maxGuardSeconds * 1000;
  for (;;) {
    const file = await create(path, JSON.stringify(own));
    if (file !== null) return { file };
    try {
      const holder = await readHolder(path);
      if (!(await isLeft(path, holder, own, timing))) return { holder };
      const guard = guardOf(path, holder);
      const guarded = await acquire(guard, own, timing);
      if ('file' in guarded) {
        if ((await readHolder(path))?.token === holder?.token) {
          await rename(guard, path);
          return guarded;
        }
        await guarded.file.close();
        await rm(guard);
      } else if (performance.now() > end) {
        return { holder: guarded.holder };
      }
      await setTimeout(retrySeconds * 1000);
    } catch (error) {
      // Gone in between: try again.
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
}

/** Deletes a lock's file, unless it is another's by now: to that one this process seemed to be dead. */
async function giveFree(path: string, own: Holder): Promise<void> {
  const guard = guardOf(path, own);
  // A full disk may not have room for it; the lock goes all the same.
  const guardFile = await create(guard, JSON.stringify(own)).catch(() => undefined);
  // Whoever has it takes the lock over.
  if (guardFile === null) return;
  await guardFile?.close();
  if ((await readHolder(path))?.token === own.token) await rm(path, { force: true });
  if (guardFile !== undefined) await rm(guard, { force: true });
}

/**
 * Makes a folder where it is missing and locks it for this process. The lock of a process that was
 * killed is taken over: at once where it ran, elsewhere after it was silent for three minutes.
 *
 * @param flag  the flag that names the folder, for messages
 * @throws UserError  when the folder cannot be written to, or another process holds it
 */
export async function lockFolder(
  folder: string,
  flag: string,
  timing: LockTiming = defaultTiming,
): Promise<FolderLock> {
  const path = join(folder, lockName);
  const own = newHolder();
  /** The first folder on the way that was not there. */
  let made: string | undefined;
  const cannotWrite = async (error: Error) => {
    await removeEmptyFolders(folder, made);
    return new UserError(
      `${flag}: cannot write to "${folder}" (${reasonOf(error)}); expected a folder of one's own.`,
    );
  };
  let attempt: Awaited<ReturnType<typeof acquire>> | undefined;
  while (attempt === undefined) {
    const first = await makeFolder(folder).catch(async (error: Error) => {
      throw await cannotWrite(error);
    });
    made ??= first;
    attempt = await acquire(path, own, timing).catch(async (error: Error) => {
      // Whoever made the folder has just deleted it: make it again.
      if (codeOf(error) === 'ENOENT') return undefined;
      throw await cannotWrite(error);
    });
  }
  if (!('file' in attempt)) throw refusal(folder, flag, path, attempt.holder, own);
  await syncMadeFolders(folder, made);
  const { file } = attempt;
  const workerData: HeartbeatData = {
    descriptor: file.fd,
    content: JSON.stringify(own),
    seconds: timing.heartbeatSeconds,
  };
  const heartbeat = new Worker(new URL('./lockHeartbeat.js', import.meta.url), { workerData });
  // Without it the lock still holds on this machine.
  heartbeat.on('error', () => {}).unref();
  return {
    async assertHeld() {
      const holder = await readHolder(path);
      if (holder?.token === own.token) return;
      if (!existsSync(folder)) {
        throw new UserError(
          `${flag}: "${folder}" is gone: it was deleted or moved while this process wrote to it.`,
        );
      }
      const who =
        holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`;
      throw new UserError(
        `${flag}: "${folder}" was taken over by ${who}, because this one seemed to be dead, or its lock was deleted: was it stopped, or cut off from the disk?`,
      );
    },
    async release() {
      await heartbeat.terminate();
      // What stays of a lock, on a disk that takes nothing any more, keeps nobody out.
      await file.close().catch(() => {});
      await giveFree(path, own).catch(() => {});
      await removeEmptyFolders(folder, made);
    },
  };
}

function refusal(
  folder: string,
  flag: string,
  path: string,
  holder: Holder | undefined,
  own: Holder,
): UserError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid}`;
  const isHere = holder === undefined || holder.system === own.system;
  const where = isHere ? '' : ` on ${holder.host}`;
  return new UserError(
    `${flag}: "${folder}" is in use by ${who}${where}; expected a folder that no other run writes to. ` +
      `Name another folder, or delete ${path} if nothing runs there.`,
  );
}
