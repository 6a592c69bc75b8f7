/** The file of a lock: who gets it, where it was left behind, and how it is given back. */
import { type FileHandle, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { isMissing } from '../errors.ts';
import { tell } from '../terminal.ts';
import { type Holder, isHolder, isOfEarlierStart, isRunning } from './lockHolder.ts';

/** Its name in the folder that it locks. */
export const lockName = 'losslens.lock';
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

/** How a lock is taken. */
export interface LockOptions extends LockTiming {
  /** Ends the waiting for a lock that looks left behind. */
  readonly signal: AbortSignal | undefined;
}

/** Who lives touches its lock before so many times have passed. */
const missedBeats = 2;
/** Who takes a lock over holds its guard for milliseconds; it is asked again for so long. */
const maxGuardSeconds = 10;
const retrySeconds = 0.02;
/** Who makes a lock writes into it at once; one that is not written for so long is nobody's. */
const unfinishedSeconds = 2;

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/**
 * Reads who holds a lock.
 *
 * @returns  undefined when it is gone or says nothing
 * @throws Error  of the file system, when it cannot be read
 */
export async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as unknown;
    return isHolder(holder) ? holder : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || isMissing(error)) return undefined;
    throw error;
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
  if (holder === undefined && (await isUnfinished(path))) return 'which ended before it wrote it';
  const touched = await touchedAt(path);
  const age = Date.now() - touched;
  if (
    holder &&
    isOfEarlierStart(holder, own, touched) &&
    age > missedBeats * heartbeatSeconds * 1000
  ) {
    return 'which ran before this machine started anew';
  }
  if (Math.abs(age) < staleSeconds * 1000) return undefined;
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

/** A lock that another process left behind. */
interface LeftLock {
  readonly holder: Holder | undefined;
  readonly why: string;
}

/** What came of trying to get a lock: its file and whom it was taken from, or who holds it. */
export type LockAttempt =
  | { readonly file: FileHandle; readonly left?: LeftLock }
  | { readonly holder: Holder | undefined };

/**
 * Creates a lock's file, or replaces one that was left behind; a guard that was left behind is
 * replaced in the same way.
 */
export async function acquireLock(
  path: string,
  own: Holder,
  options: LockOptions,
): Promise<LockAttempt> {
  const end = performance.now() + maxGuardSeconds * 1000;
  for (;;) {
    const file = await create(path, JSON.stringify(own));
    if (file !== null) return { file };
    try {
      const holder = await readHolder(path);
      const why = await whyLeft(path, holder, own, options);
      if (why === undefined) return { holder };
      const guard = guardOf(path, holder);
      const guarded = await acquireLock(guard, own, options);
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
export async function giveLockFree(path: string, own: Holder): Promise<void> {
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
export async function removeGuards(folder: string, own: Holder): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const [, token = own.token] = guardName.exec(name) ?? [];
    if (token !== own.token) await rm(join(folder, name), { force: true }).catch(() => {});
  }
}
