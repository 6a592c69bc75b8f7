/** Writes `items.csv` while the training goes on. */
import type { Dataset } from '../../datasets/dataset.ts';
import { expectSameFolder, type FolderId, folderId } from '../files/sameFolder.ts';
import { KnownItems, type KnownItemsState } from '../insitu/knownItems.ts';
import { JobThread } from '../jobThread.ts';
import { type ListedItems, writeItems } from './itemsFile.ts';

/** One version of the file to write; nobody writes to its arrays any more. */
export interface ItemsJob extends KnownItemsState {
  readonly folder: string;
  readonly id: FolderId;
  readonly listed: ListedItems;
}

/** Does what `writeItems` does. @throws WriteError  when another folder is in the place of that one, too */
export async function writeJob({ folder, id, listed, ...state }: ItemsJob): Promise<void> {
  expectSameFolder(folder, id);
  const known = new KnownItems(listed.labels, listed.classNames.length, state);
  await writeItems(folder, listed, known);
}

/** Replaces `items.csv` in a run's folder, as often as wanted; two writes never overlap. */
export class ItemsWriter {
  readonly #folder: string;
  readonly #id: FolderId;
  readonly #listed: ListedItems;
  readonly #attempt: (write: () => Promise<void>) => Promise<void>;
  readonly #thread = new JobThread<ItemsJob>(
    new URL('./itemsWorker.js', import.meta.url),
    writeJob,
  );
  /** The latest version, while it waits for the one before. */
  #waiting: KnownItemsState | undefined;
  #writing: Promise<void> | undefined;

  /** @param attempt  does a write, and decides what becomes of its failure */
  constructor(
    folder: string,
    { items, labels, classNames, places }: Dataset,
    attempt: (write: () => Promise<void>) => Promise<void>,
  ) {
    this.#folder = folder;
    this.#id = folderId(folder);
    this.#listed = { items, labels, classNames, places };
    this.#attempt = attempt;
  }

  /** Has a version written: now, or after the one that is being written, in place of one that waits. */
  write(known: KnownItemsState): void {
    this.#waiting = known;
    if (this.#writing !== undefined) return;
    this.#writing = this.#writeWaiting();
    // Told of by finish().
    this.#writing.catch(() => {});
  }

  /**
   * Resolves when the last version is written; one that is being written before it is given up.
   *
   * @throws what `attempt` throws
   */
  async finish(): Promise<void> {
    if (this.#waiting !== undefined) await this.#thread.close();
    await this.#writing;
  }

  /** Ends the thread, once the last version is written or has failed. */
  async close(): Promise<void> {
    await Promise.allSettled([this.finish()]);
    await this.#thread.close();
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting !== undefined) {
      const known = this.#waiting;
      this.#waiting = undefined;
      const job = { ...known, folder: this.#folder, id: this.#id, listed: this.#listed };
      const arrays = [...Object.values(known.scores), ...Object.values(known.suggested)];
      await this.#attempt(() => this.#thread.do(job, arrays));
    }
    this.#writing = undefined;
  }
}
