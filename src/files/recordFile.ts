/** A file of JSON lines that one process appends to, while others may take lines of it away. */
import { statSync } from 'node:fs';
import { WriteError } from '../errors.ts';
import { appendJsonLines } from './jsonLines.ts';

/** Is told of a file that somebody deleted, emptied or put an older one in the place of. */
export type OnShrunk = (error: WriteError) => void;

/** Appends records to a file. */
export class RecordFile {
  readonly #path: string;
  readonly #onShrunk: OnShrunk;
  #bytes = 0;

  constructor(path: string, onShrunk: OnShrunk) {
    this.#path = path;
    this.#onShrunk = onShrunk;
  }

  /** Has what it holds at this time stay, as what is appended does. */
  keep(): void {
    this.#bytes = this.#found ?? 0;
  }

  /** What it is to hold. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes that are there; undefined of what is no file, and where it cannot be told: to write to it says what is wrong. */
  get #found(): number | undefined {
    try {
      const found = statSync(this.#path, { throwIfNoEntry: false });
      if (found === undefined) return 0;
      return found.isFile() ? found.size : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Appends a line for each record, as a whole or not at all, and looks whether those before are still there.
   *
   * @throws UserError  when the file cannot be written to
   */
  async append(records: readonly unknown[]): Promise<void> {
    const before = this.#bytes;
    const found = this.#found;
    if (found !== undefined && found < before) {
      this.#bytes = found;
      const fate =
        found === 0
          ? 'was deleted, with all that it held; what comes from here on goes to a new one'
          : `was cut short, or an older one put in its place: ${before - found} of its ${before} bytes are gone; it goes on without them`;
      this.#onShrunk(new WriteError(`${this.#path}: ${fate}.`));
    }
    await appendJsonLines(this.#path, records);
    this.#bytes = this.#found ?? this.#bytes;
  }
}
