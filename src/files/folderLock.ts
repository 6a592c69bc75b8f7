/** Keeps a second process out of a folder that one writes to. */
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { reasonOf, UserError } from '../errors.ts';
import { tell } from '../terminal.ts';
import type { HeartbeatData } from './lockHeartbeat.ts';
import { type Holder, isHolder, isRunning, nameOf, newHolder, sinceOf } from './lockHolder.ts';

const lockName = 'losslens.lock';
/** Names of guards (see `guardOf`), also of guards of guards; the first token is that of the lock. */
const guardName = /^losslens\.lock\.([0-9a-f]{16}|unknown)(\.([0-9a-f]{16}|unknown))*$/;

/** When a lock is taken to be left behind by a process that cannot be looked at from here. */
export interface LockTiming {
  /** The holder touches its lock so often. */
  readonly heartbeatSeconds: number;
  /** What is untouched for longer is watched: clocks of machines differ, and jump. */
  readonly staleSeconds: number;
  /** It is left behind when nothing happens for so long. */
  readonly watchSeconds: number;
}

const defaults: LockOptions = {
  heartbeatSeconds: 15,
  staleSeconds: 180,
  watchSeconds: 45,
  signal: undefined,
};
/** Who takes a lock over holds its guard for milliseconds; it is asked again for so long. */
const maxGuardSeconds = 10;
const retrySeconds = 0.02;

/** How a lock is taken. */
export interface LockOptions extends LockTiming {
  /** Ends the waiting for a lock that looks left behind. */
  readonly signal: AbortSignal | undefined;
}

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

/**
 * Why a lock is known to be left behind, as a clause about its process.
 *
 * @returns  undefined when it is not
 * @throws ENOENT when it is gone
 * @throws the signal's reason, when it is aborted meanwhile
 */
async function whyLeft(
  path: string,
  holder: Holder | undefined,
  own: Holder,
  { staleSeconds, watchSeconds, heartbeatSeconds, signal }: LockOptions,
): Promise<string | undefined> {
  const runs = holder && isRunning(holder, own);
  if (runs !== undefined) return runs ? undefined : 'which runs no more';
  const touched = await touchedAt(path);
  if (Math.abs(Date.now() - touched) < staleSeconds * 1000) return undefined;
  tell(`${path}: looks abandoned; watching it for ${watchSeconds} s`);
  const end = performance.now() + watchSeconds * 1000;
  while (performance.now() < end) {
    await setTimeout((heartbeatSeconds / 5) * 1000, undefined, { signal }).catch(() => {});
    signal?.throwIfAborted();
    if ((await touchedAt(path)) !== touched) return undefined;
  }
  return 'which touches it no more';
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

/** A lock that another process left behind. */
interface LeftLock {
  readonly holder: Holder | undefined;
  readonly why: string;
}

/** What came of trying to get a lock: its file and whom it was taken from, or who holds it. */
type Attempt =
  | { readonly file: FileHandle; readonly left?: LeftLock }
  | { readonly holder: Holder | undefined };

/**
 * Creates a lock's file, or replaces one that was left behind; a guard that was left behind is
 * replaced in the same way.
 */
async function acquire(path: string, own: Holder, options: LockOptions): Promise<Attempt> {
  const end = performance.now() + maxGuardSeconds * 1000;
  for (;;) {
    const file = await create(path, JSON.stringify(own));
    if (file !== null) return { file };
    try {
      const holder = await readHolder(path);
      const why = await whyLeft(path, holder, own, options);
      if (why === undefined) return { holder };
      const guard = guardOf(path, holder);
      const guarded = await acquire(guard, own, options);
      if ('file' in guarded) {
        if ((await readHolder(path))?.token === holder?.token) {
          await rename(guard, path);
          return { file: guarded.file, left: { holder, why } };
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
 * Deletes the guards of locks that are gone: who is killed while holding one leaves it. Nobody counts on
 * them, since no lock is ever named as another was: whoever holds one looks whether the lock that it
 * guards is still there. They keep nobody out, so that what cannot be deleted stays.
 *
 * @param own  the lock that is held
 */
async function removeGuards(folder: string, own: Holder): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const [, token = own.token] = guardName.exec(name) ?? [];
    if (token !== own.token) await rm(join(folder, name), { force: true }).catch(() => {});
  }
}

/** Deletes a folder and those above it up to the first that was made with it, as far as they are empty. */
async function removeEmpty(folder: string, made: string | undefined): Promise<void> {
  if (made === undefined) return;
  const top = resolve(made);
  for (let path = resolve(folder); path.length >= top.length; path = dirname(path)) {
    try {
      await rmdir(path);
    } catch {
      return;
    }
  }
}

/**
 * Makes a folder where it is missing and locks it for this process. The lock of a process that was
 * killed is taken over, with a line that says so: at once where it ran, elsewhere after it was silent for
 * three minutes.
 *
 * @param flag  the flag that names the folder, for messages
 * @throws UserError  when the folder cannot be written to, or another process holds it
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
    await removeEmpty(folder, made);
    return new UserError(
      `${flag}: cannot write to "${folder}" (${reasonOf(error)}); expected a folder of one's own.`,
    );
  };
  let attempt: Attempt | undefined;
  while (attempt === undefined) {
    const first = await mkdir(folder, { recursive: true }).catch(async (error: Error) => {
      throw await cannotWrite(error);
    });
    made ??= first;
    attempt = await acquire(path, own, options).catch(async (error: Error) => {
      if (options.signal?.aborted) throw error;
      // Whoever made the folder has just deleted it: make it again.
      if (codeOf(error) === 'ENOENT') return undefined;
      throw await cannotWrite(error);
    });
  }
  if (!('file' in attempt)) throw refusal(folder, flag, path, attempt.holder, own, options);
  const { file, left } = attempt;
  if (left !== undefined) {
    const { holder, why } = left;
    tell(`${flag}: "${folder}": took the lock of ${nameOf(holder)}${sinceOf(holder)}, ${why}`);
  }
  await removeGuards(folder, own);
  const workerData: HeartbeatData = {
    descriptor: file.fd,
    content: JSON.stringify(own),
    seconds: options.heartbeatSeconds,
  };
  const heartbeat = new Worker(new URL('./lockHeartbeat.js', import.meta.url), { workerData });
  // Without it the lock still holds on this machine.
  heartbeat.on('error', () => {}).unref();
  return {
    async assertHeld() {
      const holder = await readHolder(path);
      if (holder?.token === own.token) return;
      throw new UserError(
        `${flag}: "${folder}" was taken over by ${nameOf(holder)}, because this one seemed to be dead, or its lock was deleted: was it stopped, or cut off from the disk?`,
      );
    },
    async release() {
      await heartbeat.terminate();
      await file.close();
      await giveFree(path, own);
      await removeEmpty(folder, made);
    },
  };
}

function refusal(
  folder: string,
  flag: string,
  path: string,
  holder: Holder | undefined,
  own: Holder,
  { staleSeconds, watchSeconds }: LockTiming,
): UserError {
  const isKnown = holder !== undefined && isRunning(holder, own) === true;
  const seconds = staleSeconds + watchSeconds;
  const wait = isKnown ? '' : `; a lock that nobody touches for ${seconds} s is taken over`;
  return new UserError(
    `${flag}: "${folder}" is in use by ${nameOf(holder)}${sinceOf(holder)}; expected a folder that no other run writes to. ` +
      `Name another folder, or delete ${path} if nothing runs there${wait}.`,
  );
}
