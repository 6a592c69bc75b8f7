/** A split that a data set does not have. */
import { UsageError } from '../src/errors.ts';

/** Names the flag that asked for it: by default the one of all commands that read data. */
export class UnknownSplitError extends UsageError {
  readonly #problem: string;
  readonly #split: string;
  readonly #what: string;

  /**
   * @param owner   the data set or folder
   * @param splits  that it has
   * @param hint    a further sentence
   */
  constructor(split: string, owner: string, splits: readonly string[], hint = '') {
    const what = `${owner} has ${splits.join(' and ')}. ${hint}`.trimEnd();
    const problem = `got "${split}"; ${what}`;
    super(`--dataset_split_name: ${problem}`);
    this.#problem = problem;
    this.#split = split;
    this.#what = what;
  }

  /** The same error, where nobody asked for it: the split is what the flag stands for by default. */
  byDefault(): UsageError {
    return new UsageError(
      `--dataset_split_name: missing; by default it is ${this.#split}, but ${this.#what}`,
    );
  }

  /** The same error, where another flag asked for the split. */
  askedForBy(flag: string): UsageError {
    return new UsageError(`${flag}: ${this.#problem}`);
  }
}
