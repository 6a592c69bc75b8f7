/** A split that a data set does not have. */
import { UsageError } from '../src/errors.ts';

/** Names the flag that asked for it: by default the one of all commands that read data. */
export class UnknownSplitError extends UsageError {
  readonly #problem: string;

  /**
   * @param owner   the data set or folder
   * @param splits  that it has
   * @param hint    a further sentence
   */
  constructor(split: string, owner: string, splits: readonly string[], hint = '') {
    const problem = `got "${split}"; ${owner} has ${splits.join(' and ')}. ${hint}`.trimEnd();
    super(`--dataset_split_name: ${problem}`);
    this.#problem = problem;
  }

  /** The same error, where another flag asked for the split. */
  askedForBy(flag: string): UsageError {
    return new UsageError(`${flag}: ${this.#problem}`);
  }
}
