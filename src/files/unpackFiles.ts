/** Unpacks tar archives of others: only what is asked for, and nothing where their paths lead. */
import { stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { extract } from 'tar';
import { excerpt, isOfFiles, reasonOf, UserError, WriteError } from '../errors.ts';

/** Kinds of entries that lead elsewhere. */
const linkTypes: readonly string[] = ['Link', 'SymbolicLink'];

/** What is unpacked at most, in bytes: a small archive can stand for a file that fills the disk. */
const maxUnpackedBytes = 2 ** 32;

/** An entry's path, relative to the archive: './a' and 'a' are the same. */
function placeOf(path: string): string {
  return posix.normalize(path.replaceAll('\\', '/')).replace(/^\.\//, '');
}

/** Whether an entry would be written outside of the folder that an archive is unpacked into. */
function leadsOut(path: string): boolean {
  const place = placeOf(path);
  return (
    posix.isAbsolute(place) || /^[a-z]:/i.test(place) || place === '..' || place.startsWith('../')
  );
}

/**
 * Unpacks some plain files of a tar archive, gzipped or not, into a folder that is there. When it throws,
 * nothing is being written any more: the folder can be deleted.
 *
 * @param files  their paths in the archive, which are theirs in the folder, too
 * @throws WriteError  when the disk takes no more, or does not give the archive: that is as good as before
 * @throws UserError  when the archive is damaged, lacks one of them, or holds a link or a path that leads
 *                    out of it, which no archive of data does; what is in the folder then is of no use
 */
export async function unpackFiles(
  archive: string,
  folder: string,
  files: readonly string[],
): Promise<void> {
  const wanted = new Set(files);
  let refused: string | undefined;
  let unpackedBytes = 0;
  const filter = (path: string, entry: object) => {
    const type = 'type' in entry ? String(entry.type) : '';
    if (leadsOut(path) || linkTypes.includes(type)) refused ??= path;
    if (refused !== undefined || !wanted.has(placeOf(path)) || type !== 'File') return false;
    unpackedBytes += 'size' in entry ? Number(entry.size) : 0;
    return unpackedBytes <= maxUnpackedBytes;
  };
  try {
    // Otherwise tar goes on with what it has begun when it throws.
    extract({ file: archive, cwd: folder, sync: true, strict: true, preserveOwner: false, filter });
    if (refused !== undefined) {
      throw new Error(`it holds ${excerpt(refused)}, a link or a path that leads out of it`);
    }
    if (unpackedBytes > maxUnpackedBytes) {
      throw new Error(`it holds ${unpackedBytes} bytes; expected at most ${maxUnpackedBytes}`);
    }
    for (const file of files) {
      await stat(join(folder, file)).catch(() => {
        throw new Error(`${file} is missing`);
      });
    }
  } catch (error) {
    if (isOfFiles(error)) {
      const message = `${archive}: cannot be unpacked (${reasonOf(error)}). Once that is mended, run it again: what was downloaded is kept.`;
      throw new WriteError(message, { cause: error });
    }
    throw new UserError(`${archive}: cannot be unpacked (${(error as Error).message}).`);
  }
}
