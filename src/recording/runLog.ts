/** Brings summaries and views to the log of a run. */
import type { EventWriter, OnLostEvents } from '../events/eventWriter.ts';
import { imageSummary, type SummaryValue } from '../events/summaries.ts';
import type { LostWrites } from './lostWrites.ts';

/** Where the meaning of all views is written down, for those who read a tag's description. */
export const reference =
  '[Lee 2021](https://doi.org/10.2312/evs.20211046); how to read it: docs/views.md of losslens';

/**
 * What the tags of the views begin with. TensorBoard sorts its sections by their names and opens the
 * first two: the numbers put the view that people look for first on top.
 */
export const viewTags = {
  selection: '1 Selection View',
  monitoring: '2 Monitoring View',
  evolution: '3 Evolution View',
} as const;

/** Has a writer tell of the events that it had no room for, and of what else may become of them. */
export function lostEvents(lost: LostWrites): OnLostEvents {
  return (error, events) => {
    if (events > 0) lost.add('summaries and pictures', error, events);
    else lost.addDeleted(error);
  };
}

/** The log of a run: what is written twice for one step, as by who concludes a run again, is there once. */
export class RunLog {
  readonly #writer: EventWriter;
  /** Settled when all views so far are with the event writer. */
  #written: Promise<void> = Promise.resolve();

  constructor(writer: EventWriter) {
    this.#writer = writer;
  }

  /** Values of the tag that has most, by plugin. */
  get longestSeries(): Readonly<Record<string, number>> {
    return this.#writer.longestSeries;
  }

  /** Whether a tag has a value at a step, its last one. */
  holds(tag: string, step: number): boolean {
    return this.#writer.lastStep(tag) === step;
  }

  /** Appends summaries, but for those that the log holds. */
  async write(step: number, values: readonly SummaryValue[]): Promise<void> {
    const missing = values.filter(({ tag }) => !this.holds(tag, step));
    if (missing.length > 0) await this.#writer.write({ step, values: missing });
  }

  /**
   * Appends a view once it is drawn; views get there in the order of the calls.
   *
   * @param description  Markdown that TensorBoard shows behind the tag
   */
  writeView(step: number, tag: string, description: string, view: Promise<Uint8Array>): void {
    this.#written = Promise.all([view, this.#written]).then(([png]) =>
      this.write(step, [imageSummary(tag, [png], { description })]),
    );
    // A failure is reported by flush(), not as an unhandled one before that.
    this.#written.catch(() => {});
  }

  /** Appends the graph, a serialized GraphDef, where the log has none. */
  async writeGraph(graphDef: Uint8Array): Promise<void> {
    await this.#writer.writeGraph(graphDef);
  }

  /** Resolves when everything so far is with the file system. @throws what went wrong with a view */
  async flush(): Promise<void> {
    await this.#written;
    await this.#writer.flush();
  }

  /** Resolves when everything so far outlives a power failure too. @throws what went wrong with a view */
  async sync(): Promise<void> {
    await this.#written;
    await this.#writer.sync();
  }
}
