/** Keeps a second process out of a folder that one writes to. */
import { readFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../errors.ts';

const lockName = 'losslens.lock';
/** The holder touches its lock so often. */
const heartbeatSeconds = 15;
/** A lock of another machine that is untouched for so long is left from a process that was killed. */
const staleSeconds = 180;
/** What takes a lock over and takes longer was killed. */
const takeoverSeconds = 10;

/** Who holds a lock: what its file says, as JSON. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Tells processes of the same number apart, where the system says when they started. */
  readonly started: string | null;
}

/** A lock that is held. */
export interface FolderLock {
  /** Gives the folder free; folders that were made for it and are empty still are deleted. */
  release(): Promise<void>;
}

/** When a process started, in the kernel's clock ticks since boot (proc(5)); null off Linux. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name may hold spaces; it ends with the last parenthesis.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function isRunning({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs as another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return started === null || started === startOf(pid);
}

/** Reads who holds a lock. @returns undefined when it is gone or says nothing */
async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

async function isStale(path: string, holder: Holder | undefined): Promise<boolean> {
  if (holder?.host === hostname()) return !isRunning(holder);
  const { mtimeMs } = await stat(path);
  return Date.now() - mtimeMs > staleSeconds * 1000;
}

/**
 * Puts one's own lock in the place of a stale one. Of several processes that find it stale one at a
 * time may look again and do so: the file that it holds meanwhile becomes the lock.
 *
 * @returns  whether the folder is locked by it now; if not, look at the lock again
 */
async function takeOver(path: string, own: Holder): Promise<boolean> {
  const guard = `${path}.takeover`;
  try {
    await writeFile(guard, JSON.stringify(own), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // One is held for milliseconds, unless its process was killed just then.
    if (Date.now() - (await stat(guard)).mtimeMs > takeoverSeconds * 1000) await rm(guard);
    await setTimeout(20);
    return false;
  }
  if (await isStale(path, await readHolder(path)).catch(() => false)) {
    await rename(guard, path);
    return true;
  }
  await rm(guard);
  return false;
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
 * killed is taken over: at once on the machine where it ran, elsewhere after three minutes.
 *
 * @param flag  the flag that names the folder, for messages
 * @throws UserError  when the folder cannot be written to, or another process holds it
 */
export async function lockFolder(folder: string, flag: string): Promise<FolderLock> {
  const path = join(folder, lockName);
  const own: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
  const cannotWrite = ({ message }: Error) =>
    new UserError(
      `${flag}: cannot write to "${folder}" (${message}); expected a folder of one's own.`,
    );
  /** The first folder on the way that was not there. */
  let made: string | undefined;
  for (;;) {
    const first = await mkdir(folder, { recursive: true }).catch((error: Error) => {
      throw cannotWrite(error);
    });
    made ??= first;
    try {
      await writeFile(path, JSON.stringify(own), { flag: 'wx' });
      break;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Whoever made the folder has just deleted it.
      if (code === 'ENOENT') continue;
      if (code !== 'EEXIST') {
        // A full disk leaves it empty.
        await rm(path, { force: true }).catch(() => {});
        await removeEmpty(folder, made);
        throw cannotWrite(error as Error);
      }
    }
    try {
      const holder = await readHolder(path);
      if (!(await isStale(path, holder))) throw refusal(folder, flag, path, holder);
      if (await takeOver(path, own)) break;
    } catch (error) {
      // Gone in between: try again.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, heartbeatSeconds * 1000).unref();
  return {
    async release() {
      clearInterval(heartbeat);
      await rm(path, { force: true });
      await removeEmpty(folder, made);
    },
  };
}

function refusal(
  folder: string,
  flag: string,
  path: string,
  holder: Holder | undefined,
): UserError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid}`;
  const where = holder === undefined || holder.host === hostname() ? '' : ` on ${holder.host}`;
  return new UserError(
    `${flag}: "${folder}" is in use by ${who}${where}; expected a folder that no other run writes to. ` +
      `Name another folder, or delete ${path} if nothing runs there.`,
  );
}
