/** Waiting for what letters bring. */

/** Whoever waits is woken by each letter, and looks whether it brought what is waited for. */
export class Arrivals {
  #wake = () => {};
  #failure: { readonly error: unknown } | undefined;

  /** Has whoever waits look again. */
  announce(): void {
    this.#wake();
  }

  /** No more letters come. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  /**
   * Waits until something has come; one waits at a time.
   *
   * @param find    gives undefined until then
   * @throws        why no more letters come
   */
  async until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (this.#failure !== undefined) throw this.#failure.error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
