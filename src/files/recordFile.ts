/** A file of JSON lines that one process appends to, while others may delete it. */
import { statSync } from 'node:fs';
import { WriteError } from '../errors.ts';
import { appendJsonLines } from './jsonLines.ts';

/** Is told once of a file that somebody deleted, or emptied. */
export type OnDeleted = (error: WriteError) => void;

/** Appends records to a file. */
export class RecordFile {
  readonly #path: string;
  readonly #onDeleted: OnDeleted;
  #hasLines: boolean;

  /** @param hasLines  whether it holds lines of the run so far; where it is empty all the same, that was told of before */
  constructor(path: string, hasLines: boolean, onDeleted: OnDeleted) {
    this.#path = path;
    this.#hasLines = hasLines && !this.#isEmpty;
    this.#onDeleted = onDeleted;
  }

  get #isEmpty(): boolean {
    try {
      const found = statSync(this.#path, { throwIfNoEntry: false });
      // Of what is no file, and where it cannot be told, writing to it says what is wrong.
      return found === undefined || (found.isFile() && found.size === 0);
    } catch {
      return false;
    }
  }

  /**
   * Appends a line for each record, as a whole or not at all, and looks whether those before are still there.
   *
   * @throws UserError  when the file cannot be written to
   */
  async append(records: readonly unknown[]): Promise<void> {
    if (this.#hasLines && this.#isEmpty) {
      this.#hasLines = false;
      const fate = 'was deleted, with all that it held; what comes from here on goes to a new one';
      this.#onDeleted(new WriteError(`${this.#path}: ${fate}.`));
    }
    await appendJsonLines(this.#path, records);
    this.#hasLines ||= records.length > 0;
  }
}
