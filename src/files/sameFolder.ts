/** Whether a folder is still that which it was: others move it, and make another one in its place. */
import { statSync } from 'node:fs';

/**
 * Notes which folder is at a path.
 *
 * @returns  says whether it still is
 * @throws Error  of the file system
 */
export function noteFolder(path: string): () => boolean {
  const { dev, ino } = statSync(path);
  return () => {
    try {
      const now = statSync(path);
      return now.dev === dev && now.ino === ino;
    } catch {
      return false;
    }
  };
}
