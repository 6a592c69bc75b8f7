/** Names the event files of a run so that readers take them in the order in which they were made. */
import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { syncFolder } from '../files/syncFolder.ts';

/** The seconds in the name of an event file, or 0. */
function secondsOf(fileName: string): number {
  return Number(/tfevents\.(\d+)\./.exec(fileName)?.[1] ?? 0);
}

/**
 * Creates an event file whose name sorts after those in the folder: readers ignore late files that
 * sort earlier. The exclusive flag keeps two writers of one second apart.
 *
 * @returns the empty file, open for writing
 * @throws Error  of the file system
 */
export async function createEventFile(folder: string): Promise<{ path: string; file: FileHandle }> {
  const earlier = (await readdir(folder)).map(secondsOf);
  let seconds = Math.max(Math.floor(Date.now() / 1000), ...earlier.map((s) => s + 1));
  for (;;) {
    const name = `events.out.tfevents.${String(seconds).padStart(10, '0')}.${hostname()}.${process.pid}.0.v2`;
    const path = join(folder, name);
    let file: FileHandle;
    try {
      // Appended to: where somebody cuts it short, no hole is to be left.
      file = await open(path, 'ax');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      seconds++;
      continue;
    }
    try {
      // What is synchronised of it later would be lost with its name.
      await syncFolder(folder);
    } catch (error) {
      await file.close();
      // Readers would wait at it, and not at the one before.
      await rm(path, { force: true });
      throw error;
    }
    return { path, file };
  }
}
