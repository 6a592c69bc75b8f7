/** What a user can do wrong, as errors that the command line prints as one line (no stack). */
import { statfsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { getSystemErrorMap } from 'node:util';

/**
 * Something that the user can mend: a damaged file, a layer that does not exist, a full disk.
 * The message follows "where: got what; expected what. How to fix."
 * The command line prints it alone and leaves with `exitCode`.
 */
export class UserError extends Error {
  readonly exitCode: number = 1;
  override readonly name: string = 'UserError';
}

/** A flag or a name on the command line that cannot be used. Exit code 2. */
export class UsageError extends UserError {
  override readonly exitCode = 2;
  override readonly name = 'UsageError';
}

/** No engine can run on this machine, or not the one that was asked for. Exit code 3. */
export class NoEngineError extends UserError {
  override readonly exitCode = 3;
  override readonly name = 'NoEngineError';
}

/** A file that cannot be written to: a full disk, a folder of somebody else's. */
export class WriteError extends UserError {
  override readonly name = 'WriteError';
}

/** Where the system's own words lead astray, in better ones. */
const reasons: Readonly<Record<string, string>> = {
  EISDIR: 'it is a folder',
  ENOENT: 'no such file or folder',
  ENOTCONN: 'what is mounted there does not answer any more',
  ENXIO: 'it is a socket, or a device that is not there',
  ENOTDIR: 'it is no folder, or a part of its path is none',
};

/** What failed may have given some back since. */
const fewInodes = 16;

/** Whether no further file can be made in a folder, however much room there is. */
function lacksInodes(folder: string): boolean {
  try {
    const { files, ffree } = statfsSync(folder);
    // File systems that need none have 0 of them.
    return files > 0 && ffree < fewInodes;
  } catch {
    return false;
  }
}

/**
 * Why a file cannot be read or written, in words: "permission denied" for EACCES. Of an error that tells of
 * it already, that of its cause.
 */
export function reasonOf(error: unknown): string {
  if (error instanceof WriteError && error.cause !== undefined) return reasonOf(error.cause);
  const { code = '', errno = 0, message, path } = error as NodeJS.ErrnoException;
  // Node has this letter for all that is not UTF-8 in a name, and then looks for another one.
  if (code === 'ENOENT' && path?.includes('\uFFFD')) return 'its name is not UTF-8: rename it';
  // It is another name than that which the message is about.
  if (code === 'EISDIR' && path?.endsWith('.tmp')) return `${path} is a folder`;
  if (code === 'ENOSPC' && path !== undefined && lacksInodes(dirname(path))) {
    return 'no inodes are left, of which each file takes one: see df -i';
  }
  // Node has no names for them.
  if (errno === -constants.errno.EDQUOT) return 'disk quota exceeded';
  if (errno === -constants.errno.ESTALE)
    return 'its network folder has lost it (stale file handle)';
  return reasons[code] ?? getSystemErrorMap().get(errno)?.[1] ?? message;
}

/** What of a file's content a message shows at most, in characters. */
const maxExcerpt = 200;

/** A piece of a file's content for a message: its beginning, and how much more there is. */
export function excerpt(content: string): string {
  const more = content.length - maxExcerpt;
  return more > 0 ? `${content.slice(0, maxExcerpt)}… (${more} more characters)` : content;
}

/** Whether it is the file system that failed: what makes the content of a file may fail, too. */
export function isOfFiles(error: unknown): boolean {
  return error instanceof WriteError || (error as NodeJS.ErrnoException)?.syscall !== undefined;
}

/** Whether a call failed because a disk, or what a user may take of it, is full. */
export function isOfFullDisk(error: unknown): boolean {
  const { code, errno = 0 } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || errno === -constants.errno.EDQUOT;
}

/** Whether a call failed because a file or folder is not there. */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** What a user is told when a file cannot be written. */
export function writeError(path: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  return new WriteError(`${path}: cannot be written to (${reasonOf(error)}).`, { cause: error });
}

/** What a message says of a file that cannot be read, beside its path and the reason. */
export interface ReadAdvice {
  /** The flag that names the file. */
  readonly flag?: string;
  /** Where in the file the reading failed, from 0. */
  readonly byte?: number;
  /** What was expected there, or what to do: the end of the sentence. */
  readonly remedy?: string;
}

/** What a user is told when a file or folder cannot be read. */
export function unreadable(path: string, error: unknown, advice: ReadAdvice = {}): UserError {
  if (error instanceof UserError) return error;
  const { flag, byte, remedy } = advice;
  const where = `${flag === undefined ? '' : `${flag}: `}${path}${byte === undefined ? '' : `, byte ${byte}`}`;
  const end = remedy === undefined ? '' : `; ${remedy}`;
  const message = `${where}: cannot be read (${reasonOf(error)})${end}.`;
  return new UserError(message, { cause: error });
}
