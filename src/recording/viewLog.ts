/** Brings views to the event log once they are drawn. */
import type { EventWriter } from '../events/eventWriter.ts';
import { imageSummary } from '../events/summaries.ts';

/** Where the meaning of all views is written down, for those who read a tag's description. */
export const reference =
  '[Lee 2021](https://doi.org/10.2312/evs.20211046); how to read it: docs/views.md of losslens';

/** The views of a run on their way to its log; they get there in the order of the calls. */
export class ViewLog {
  readonly #writer: EventWriter;
  /** Settled when all views so far are with the event writer. */
  #written: Promise<void> = Promise.resolve();

  constructor(writer: EventWriter) {
    this.#writer = writer;
  }

  /**
   * Appends a view to the log once it is drawn.
   *
   * @param description  Markdown that TensorBoard shows behind the tag
   */
  write(step: number, tag: string, description: string, view: Promise<Uint8Array>): void {
    this.#written = Promise.all([view, this.#written]).then(([png]) =>
      this.#writer.write({ step, values: [imageSummary(tag, [png], { description })] }),
    );
    // A failure is reported by drained(), not as an unhandled one before that.
    this.#written.catch(() => {});
  }

  /** Resolves when all views so far are with the event writer. @throws what went wrong with one */
  async drained(): Promise<void> {
    await this.#written;
  }
}
