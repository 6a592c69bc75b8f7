/**
 * A disk that has troubles, for the calls of this thread: they fail, wait, or find no room. Preloaded into
 * a run (`--import`, which worker threads inherit), it has those of $LOSSLENS_DISK, in JSON.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join, resolve, sep } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { type FileCall, watchFileCalls } from './fileCalls.ts';

/** Calls that do not go as they should. */
export interface Trouble {
  /** Their names, such as 'write'; all calls without it. */
  readonly calls?: readonly string[];
  /** What is in the paths that they change, as a regular expression; any without it. */
  readonly path?: string;
  /** The first of them that it is about, from 1. */
  readonly from?: number;
  /** How many from there on; all without it. */
  readonly count?: number;
  /** What they fail with, such as 'EIO'. */
  readonly code?: string;
  /** Half of a write is done before it fails. */
  readonly isHalfway?: boolean;
}

/** What a disk is like. */
export interface Disk {
  /** Is told of each call before it is done, and may have it wait or fail; not from the environment. */
  readonly onCall?: (call: FileCall) => void | Promise<void>;
  readonly troubles?: readonly Trouble[];
  /** A folder that has a disk of so many bytes to itself. */
  readonly room?: { readonly folder: string; readonly bytes: number };
}

const { readdirSync, lstatSync } = fs;
const { statfs } = fs.promises;

/** What the system says when a call fails. */
export function failure(code: string, { name, path }: FileCall): Error {
  const [errno, [, reason]] = [...getSystemErrorMap()].find(([, [each]]) => each === code)!;
  return Object.assign(new Error(`${code}: ${reason}, ${name} '${path}'`), {
    ...{ code, errno, syscall: name, path },
  });
}

/** Bytes of all files below a folder. */
function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => lstatSync(join(folder, name), { throwIfNoEntry: false }))
    .reduce((sum, file) => sum + (file?.isFile() ? file.size : 0), 0);
}

let disk: Disk = {};
let seen: number[] = [];
let isWatching = false;

function meet(call: FileCall): void | Promise<void> {
  for (const [i, trouble] of (disk.troubles ?? []).entries()) {
    const { calls, path, from = 1, count = Number.POSITIVE_INFINITY } = trouble;
    if (calls?.includes(call.name) === false) continue;
    if (path !== undefined && !new RegExp(path).test(call.path)) continue;
    seen[i] = (seen[i] ?? 0) + 1;
    if (seen[i] < from || seen[i] >= from + count) continue;
    if (trouble.isHalfway) call.writeHalf();
    if (trouble.code !== undefined) throw failure(trouble.code, call);
  }
  const { room } = disk;
  const isThere = room !== undefined && call.path.startsWith(room.folder + sep);
  if (isThere && call.bytes > 0 && bytesIn(room.folder) + call.bytes > room.bytes) {
    call.writeHalf();
    throw failure('ENOSPC', call);
  }
  return disk.onCall?.(call);
}

/** Gives this process another disk from now on; the troubles are counted anew. */
export async function setDisk(other: Disk): Promise<void> {
  disk = other;
  seen = [];
  if (isWatching) return;
  isWatching = true;
  fs.promises.statfs = (async (path: string, ...rest: []) => {
    const { room } = disk;
    if (room === undefined || !`${resolve(path)}${sep}`.startsWith(room.folder + sep)) {
      return statfs(path, ...rest);
    }
    const free = Math.max(0, room.bytes - bytesIn(room.folder));
    return { ...(await statfs(path)), bsize: 1, blocks: room.bytes, bfree: free, bavail: free };
  }) as typeof statfs;
  await watchFileCalls(meet);
  syncBuiltinESMExports();
}

const given = process.env['LOSSLENS_DISK'];
if (given !== undefined) await setDisk(JSON.parse(given) as Disk);
