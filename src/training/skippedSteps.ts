/** The steps that --on_nan=skip has left out. */

/** After so many in a row no further one is waited for: the weights themselves are to blame. */
const maxSkippedInARow = 20;

/** Counts them. */
export class SkippedSteps {
  #total: number;
  #inARow: number;
  #toldAt = Number.NEGATIVE_INFINITY;

  /**
   * @param total   before this start of the run
   * @param inARow  the last of them
   */
  constructor(total: number, inARow: number) {
    this.#total = total;
    this.#inARow = inARow;
  }

  /** Of the whole run. */
  get total(): number {
    return this.#total;
  }

  /** Those that came last, with no other step since. */
  get inARow(): number {
    return this.#inARow;
  }

  /** Takes one. @returns false where it is one too many in a row: it does not count, as the run ends before it */
  add(): boolean {
    if (this.#inARow + 1 >= maxSkippedInARow) return false;
    this.#total++;
    this.#inARow++;
    return true;
  }

  /** A step was finite. */
  endRow(): void {
    this.#inARow = 0;
  }

  /** Whether to tell of the one at this step: of the first, and of one in `everySteps` steps at most. */
  isToTell(step: number, everySteps: number): boolean {
    if (step - this.#toldAt < everySteps) return false;
    this.#toldAt = step;
    return true;
  }
}
