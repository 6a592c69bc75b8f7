/** Whether a folder is still that which it was: others move it, and make another one in its place. */
import { statSync } from 'node:fs';
import { WriteError } from '../errors.ts';

/** What tells a folder from others, wherever it lies; plain data for threads. */
export interface FolderId {
  readonly dev: number;
  readonly ino: number;
}

/** What tells the folder at a path from others. @throws Error  of the file system */
export function folderId(path: string): FolderId {
  const { dev, ino } = statSync(path);
  return { dev, ino };
}

/** Whether it is this folder that is at a path. */
export function isSameFolder(path: string, { dev, ino }: FolderId): boolean {
  try {
    const now = folderId(path);
    return now.dev === dev && now.ino === ino;
  } catch {
    return false;
  }
}

/** @throws WriteError  when it is not this folder that is at a path */
export function expectSameFolder(path: string, id: FolderId): void {
  if (isSameFolder(path, id)) return;
  const cause = new Error('the folder was moved or deleted, or its disk mounted anew');
  throw new WriteError(`${path}: cannot be written to (${cause.message}).`, { cause });
}
