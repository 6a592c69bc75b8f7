/** Makes sure that the names in a folder outlive a power cut: an fsync of a file is one of its bytes alone. */
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { madeFolders } from './makeFolder.ts';

/** What file systems say that have no such call. */
const withoutSync = ['EINVAL', 'ENOTSUP', 'ENOSYS'];

/**
 * Resolves when the files that were made, renamed or deleted in a folder have reached the disk so.
 *
 * @throws Error  of the file system
 */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open folders; its renames are durable enough.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!withoutSync.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await handle.close();
  }
}

/**
 * Resolves when a folder that was made has reached the disk, as far as the folders above it can be read.
 *
 * @param made  the first folder that was made on the way to it; undefined when none was
 */
export async function syncMadeFolders(folder: string, made: string | undefined): Promise<void> {
  for (const path of madeFolders(folder, made)) await syncFolder(dirname(path)).catch(() => {});
}
