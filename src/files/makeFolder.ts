/** Makes folders, and takes them away again. */
import { lstat, mkdir, readlink, rmdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { reasonOf, WriteError } from '../errors.ts';

/** Folders above may go again meanwhile, as with other processes that make and remove them; then it is tried again. */
const maxAttempts = 10;

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** What is in the place of a folder or of one above it: '"/runs" is a file'; undefined where nothing is. */
async function obstacleAt(path: string): Promise<string | undefined> {
  try {
    const found = await lstat(path);
    if (found.isFile()) return `"${path}" is a file`;
    if (!found.isSymbolicLink()) return found.isDirectory() ? undefined : `"${path}" is no folder`;
    if (await isFolder(path)) return undefined;
    return `"${path}" is a link to "${await readlink(path)}", where no folder is`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOTDIR' ? obstacleAt(dirname(path)) : undefined;
  }
}

/**
 * Makes a folder, and those above it that are missing. Node's own way to do so never comes back where a
 * file system takes no new folder and says that there is no such one, as below /proc.
 *
 * @returns  the first folder that was made; undefined when all were there
 * @throws WriteError  naming the folder that cannot be made; then none was
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  const above = dirname(path);
  let made: string | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      await mkdir(path);
      return made ?? path;
    } catch (error) {
      if (await isFolder(path)) return made;
      const isAboveMissing = (error as NodeJS.ErrnoException).code === 'ENOENT' && above !== path;
      if (!isAboveMissing || attempt === maxAttempts) {
        await removeEmptyFolders(above, made);
        const obstacle = await obstacleAt(resolve(path));
        const cause = obstacle === undefined ? error : new Error(obstacle);
        throw new WriteError(`${path}: cannot be made (${reasonOf(cause)}).`, { cause });
      }
      made ??= await makeFolder(above);
    }
  }
}

/**
 * The folders that were made with one, itself first.
 *
 * @param made  what `makeFolder` returned
 */
export function madeFolders(path: string, made: string | undefined): string[] {
  const folders: string[] = [];
  if (made === undefined) return folders;
  const top = resolve(made);
  for (let each = resolve(path); each.length >= top.length; each = dirname(each)) {
    folders.push(each);
  }
  return folders;
}

/** Deletes the folders that were made with one, itself first, as far as they are empty. @param made  as of `madeFolders` */
export async function removeEmptyFolders(path: string, made: string | undefined): Promise<void> {
  for (const each of madeFolders(path, made)) {
    try {
      await rmdir(each);
    } catch {
      return;
    }
  }
}
