/** Keeps from opening pipes: who opens one waits until somebody else does, and does not hear Ctrl-C. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';

/**
 * Looks for pipes among a folder's files, also behind links. What cannot be looked at is left to who reads it.
 *
 * @throws UserError  naming the first one
 */
export async function expectNoPipes(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isFile() || entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFIFO()) continue;
    throw new UserError(
      `${path}: is a pipe, at which whoever opens it waits; expected files in the folder of a run. Delete it.`,
    );
  }
}

/**
 * Looks whether there is a pipe in the place of a file; a file that is not there is left to who opens it.
 *
 * @throws Error  the reason why it cannot be read or written, without its path
 */
export async function expectNoPipe(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFIFO()) throw new Error('it is a pipe');
}
