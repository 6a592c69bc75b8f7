/** Closes what was opened, also when only half of it could be. */

/** Steps that are taken at the end, the last one first. */
export class Cleanup {
  readonly #steps: (() => void | Promise<void>)[] = [];

  /** Adds a step. */
  add(step: () => void | Promise<void>): void {
    this.#steps.push(step);
  }

  /**
   * Takes all steps, whatever fails: an open thread would keep the process from ending.
   *
   * @throws the first failure
   */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
