/** The steps that --on_nan=skip has left out. */

/** After so many in a row no further one is waited for: the weights themselves are to blame. */
export const maxSkippedInARow = 20;

/** Counts them. */
export class SkippedSteps {
  #total: number;
  #inARow = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  /** @param total  before this start of the run */
  constructor(total: number) {
    this.#total = total;
  }

  /** Of the whole run. */
  get total(): number {
    return this.#total;
  }

  /** @returns whether there have been too many in a row now */
  add(): boolean {
    this.#total++;
    this.#inARow++;
    return this.#inARow >= maxSkippedInARow;
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
