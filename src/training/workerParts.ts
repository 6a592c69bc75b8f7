/** The items of the parts that a worker does: its own come one after the other, and are prepared ahead. */
import type { PartPlace } from '../cluster/letters.ts';
import type { Batch, BatchPipeline, BatchShare } from '../preprocessing/batchPipeline.ts';

/** An epoch under way. */
interface OwnParts {
  readonly epoch: number;
  readonly batches: AsyncGenerator<Batch, void, undefined>;
  /** Steps done with the next one. */
  next: number;
}

/** Gives the items of one part after the other. */
export class WorkerParts {
  readonly #pipeline: BatchPipeline;
  readonly #share: BatchShare;
  readonly #perEpoch: number;
  #own: OwnParts | undefined;

  /**
   * @param pipeline  of the worker's own share
   * @param perEpoch  steps of an epoch
   */
  constructor(pipeline: BatchPipeline, share: BatchShare, perEpoch: number) {
    this.#pipeline = pipeline;
    this.#share = share;
    this.#perEpoch = perEpoch;
  }

  /**
   * Gives the items of a part.
   *
   * @param use  what is done with them: they are valid until that is done
   * @returns    what that returns
   */
  async use<T>({ step, share }: PartPlace, use: (batch: Batch) => Promise<T>): Promise<T> {
    const epoch = Math.floor((step - 1) / this.#perEpoch);
    const batch = (step - 1) % this.#perEpoch;
    const own = this.#own?.epoch === epoch ? this.#own : undefined;
    // Another worker's, or what was thrown away once more.
    if (share !== this.#share.worker || (own && step < own.next)) {
      return this.#pipeline.usePart(epoch, batch, { ...this.#share, worker: share }, use);
    }
    if (own?.next !== step) await this.#begin(epoch, batch, step);
    const { batches } = this.#own!;
    this.#own!.next = step + 1;
    return use((await batches.next()).value!);
  }

  async #begin(epoch: number, batch: number, step: number): Promise<void> {
    await this.#own?.batches.return();
    this.#own = { epoch, batches: this.#pipeline.epoch(epoch, batch), next: step };
  }
}
