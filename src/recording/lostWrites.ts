/** What of a run could not be written: an hour of training is not given up for a full disk at its log. */
import { UserError, WriteError } from '../errors.ts';

const unkept =
  'Training goes on; the frozen layers run in each step for items whose features are not kept.';

/** Counts what is lost, by kind, and says so once for each. */
export class LostWrites {
  readonly #counts = new Map<string, number>();
  readonly #say: (line: string) => void;
  readonly #expectFolder: () => Promise<void>;

  /**
   * @param say           prints a line for people
   * @param expectFolder  throws where the run's folder is not its own any more: nothing is to be written there
   */
  constructor(say: (line: string) => void, expectFolder: () => Promise<void> = async () => {}) {
    this.#say = say;
    this.#expectFolder = expectFolder;
  }

  /**
   * Takes something that could not be written.
   *
   * @param kind     what it was, in the plural
   * @param outcome  what that means to the run: a sentence
   */
  add(
    kind: string,
    error: UserError,
    count = 1,
    outcome = `Training goes on without: ${count > 1 ? `${count} ` : ''}${kind}.`,
  ): void {
    if (!this.#counts.has(kind)) this.#say(`${error.message} ${outcome}`);
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
  }

  /** Takes features of frozen layers that cannot be kept: they are not lost. */
  readonly addUnkept = (error: WriteError): void => this.add('kept features', error, 0, unkept);

  /** Takes the news that somebody deleted a file which is written to: what comes next is not lost. */
  readonly addDeleted = (error: WriteError): void =>
    this.add(error.message, error, 0, 'Training goes on.');

  /** Writes something that the run can do without. @throws what is no fault of the disk */
  async attempt(kind: string, write: () => Promise<unknown>, count = 1): Promise<void> {
    try {
      await this.#expectFolder();
      await write();
    } catch (error) {
      if (!(error instanceof WriteError)) throw error;
      this.add(kind, error, count);
    }
  }

  /** Writes once more what could not be written, which is not lost then. @throws what is no fault of the disk */
  async attemptAgain(kind: string, write: () => Promise<unknown>): Promise<void> {
    const regain = async () => {
      await write();
      this.#counts.set(kind, this.#counts.get(kind)! - 1);
    };
    await this.attempt(kind, regain, 0);
  }

  /**
   * Reads what a view is to show.
   *
   * @returns  undefined where it cannot be read: no view is worth a training, and what that needs fails by itself
   * @throws what is no fault of what is read
   */
  async attemptToRead<T>(kind: string, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.add(kind, error);
      return undefined;
    }
  }

  /** Whether some of a kind were lost. */
  has(kind: string): boolean {
    return (this.#counts.get(kind) ?? 0) > 0;
  }

  /** How much was lost so far. */
  get count(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** "could not be written: …" with the counts; undefined when nothing was lost. */
  get summary(): string | undefined {
    if (this.count === 0) return undefined;
    const counts = [...this.#counts]
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => `${kind} (${count})`);
    return `could not be written: ${counts.join(', ')}`;
  }
}
