/** What the system says of a file. */
import { type Stats, statSync } from 'node:fs';
import { unreadable } from '../errors.ts';

/**
 * Looks at a file or folder.
 *
 * @param flag  that names it
 * @returns     undefined when there is none
 * @throws UserError  when it cannot be told, such as on a network folder whose server is gone
 */
export function statsOf(path: string, flag?: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw unreadable(path, error, flag === undefined ? {} : { flag });
  }
}

/** Whether there is a file, as far as can be told. */
export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    // Not there, or a name that no file can have.
    return false;
  }
}
