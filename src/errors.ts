/** What a user can do wrong, as errors that the command line prints as one line (no stack). */

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

/** What a user is told when a file cannot be written. */
export function writeError(path: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  return new WriteError(`${path}: cannot be written to (${(error as Error).message}).`);
}
