/** Room on a disk, asked for before much is written to it. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError, WriteError } from '../errors.ts';

function sizeText(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** Bytes that the file system of a folder has free for this user; Infinity where it does not say. */
export async function freeBytes(folder: string): Promise<number> {
  // What is wrong with the folder is said by who writes; some file systems do not know the call.
  const found = await statfs(folder).catch(() => undefined);
  // Of no blocks at all, as others have it, nothing can be told.
  if (found === undefined || found.blocks === 0) return Number.POSITIVE_INFINITY;
  return found.bavail * found.bsize;
}

/**
 * Makes sure that there is room for a file before it is begun: half of it would fill the disk for all others.
 *
 * @param bytes  that it is going to have, more or less
 * @throws WriteError  with what it needs and what is free, when that is less
 */
export async function expectRoom(path: string, bytes: number): Promise<void> {
  const free = await freeBytes(dirname(path));
  if (free >= bytes) return;
  const reason = `it needs ${sizeText(bytes)}, and ${sizeText(free)} are free`;
  throw new WriteError(`${path}: cannot be written to (${reason}).`, { cause: new Error(reason) });
}

/**
 * Makes sure that a file system has room.
 *
 * @param where   what begins the message, such as the command or the flag that names the folder
 * @param folder  that is going to be written to
 * @param bytes   that are going to be written
 * @param remedy  a sentence: what can be done
 * @throws UserError  when it has less
 */
export async function expectFreeSpace(
  where: string,
  folder: string,
  bytes: number,
  remedy: string,
): Promise<void> {
  const free = await freeBytes(folder);
  if (free >= bytes) return;
  throw new UserError(
    `${where}: ${folder} has ${sizeText(free)} free; expected ${sizeText(bytes)} (${bytes} bytes). ${remedy}`,
  );
}
