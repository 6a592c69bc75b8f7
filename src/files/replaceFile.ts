/** Replaces files as a whole. */
import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { isOfFiles, writeError } from '../errors.ts';
import { expectRoom } from './freeSpace.ts';

type Parts = Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;

/** Writes a new file part by part, and makes sure that it has reached the disk. */
export async function writeDurably(path: string, parts: Parts): Promise<void> {
  const file = await open(path, 'w');
  try {
    for await (const part of parts) await file.writeFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Writes a file under a temporary name first, so that readers and crashes never see half of it.
 *
 * @throws UserError  when it cannot be written; what was there before stays
 */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  await replaceFileByParts(path, [content]);
}

/** A temporary name that no other process has: of one that is killed it stays. */
export function ownName(path: string): string {
  return `${path}.${randomUUID()}.tmp`;
}

/**
 * The same for a file that is made part by part, so that it need not fit into one string.
 *
 * @param bytes  that it is going to have, more or less, where it may be many: there has to be room for them
 * @param temporary  its name until it is whole: one of its own, of `ownName`, where others may write the same file
 * @throws  what making the parts throws; then, too, what was there before stays
 */
export async function replaceFileByParts(
  path: string,
  parts: Parts,
  bytes = 0,
  temporary = `${path}.tmp`,
): Promise<void> {
  try {
    if (bytes > 0) {
      // What a killed process left of it takes up room.
      await rm(temporary, { force: true }).catch(() => {});
      await expectRoom(path, bytes);
    }
    await writeDurably(temporary, parts);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw isOfFiles(error) ? writeError(path, error) : error;
  }
}
