/** Room on a disk, asked for before much is written to it. */
import { statfs } from 'node:fs/promises';
import { UserError } from '../errors.ts';

function sizeText(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
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
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= bytes) return;
  throw new UserError(
    `${where}: ${folder} has ${sizeText(free)} free; expected ${sizeText(bytes)} (${bytes} bytes). ${remedy}`,
  );
}
