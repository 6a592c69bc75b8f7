/** Closes what was opened, also when only half of it could be. */

/** Steps that are taken at the end, the last one first. */
export class Cleanup {
  readonly #steps: (() => void | Promise<void>)[] = [];

  /**
   * Does something, and whatever comes of it takes the steps that it added: an open thread would keep
   * the process from ending.
   *
   * @returns  what the action returns
   * @throws what the action throws; if nothing, what the first step throws that does
   */
  static async after<T>(action: (cleanup: Cleanup) => Promise<T>): Promise<T> {
    const cleanup = new Cleanup();
    let result: T;
    try {
      result = await action(cleanup);
    } catch (error) {
      // Why it failed comes before what could not be closed because of that.
      await cleanup.#run();
      throw error;
    }
    const failures = await cleanup.#run();
    if (failures.length > 0) throw failures[0];
    return result;
  }

  /** Adds a step. */
  add(step: () => void | Promise<void>): void {
    this.#steps.push(step);
  }

  /** Takes all steps, whatever fails. @returns  the failures */
  async #run(): Promise<unknown[]> {
    const failures: unknown[] = [];
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    return failures;
  }
}
