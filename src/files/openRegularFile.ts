/** Opens files that are read in any order, as no pipe can be; the system would wait for the other end of one. */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { unreadable } from '../errors.ts';

/** An open file. */
export interface RegularFile {
  readonly descriptor: number;
  /** Its length. */
  readonly bytes: number;
}

/**
 * Opens a file to read it.
 *
 * @throws UserError  when it cannot be read, or is a folder, a pipe or a device
 */
export function openRegularFile(path: string): RegularFile {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = fstatSync(descriptor);
    if (!stats.isFile())
      throw new Error(`it is a ${stats.isDirectory() ? 'folder' : 'pipe or a device'}`);
    return { descriptor, bytes: stats.size };
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    throw unreadable(path, error);
  }
}
