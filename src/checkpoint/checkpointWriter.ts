/** Saves the checkpoints of a run while its training goes on. */
import { JobThread } from '../jobThread.ts';
import { saveCheckpoint } from './checkpoints.ts';
import type { CheckpointTensor } from './tensorBundle.ts';

/** One checkpoint to save. */
export interface CheckpointJob {
  readonly folder: string;
  readonly step: number;
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  readonly maxToKeep: number;
}

/** Does what `saveCheckpoint` does. */
export function saveJob({ folder, step, tensors, maxToKeep }: CheckpointJob): Promise<void> {
  return saveCheckpoint(folder, step, tensors, maxToKeep);
}

/** Saves one checkpoint after the other in a run's folder. */
export class CheckpointWriter {
  readonly #folder: string;
  readonly #maxToKeep: number;
  readonly #failed = new AbortController();
  readonly #thread = new JobThread<CheckpointJob>(
    new URL('./checkpointWorker.js', import.meta.url),
    saveJob,
  );
  #saving: Promise<void> = Promise.resolve();

  /** @param maxToKeep  listed ones beyond it are deleted, oldest first */
  constructor(folder: string, maxToKeep: number) {
    this.#folder = folder;
    this.#maxToKeep = maxToKeep;
  }

  /** Aborted when a checkpoint could not be saved: no later one is. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /**
   * Begins to save a checkpoint once the one before is complete.
   *
   * @param tensors  by name; nobody else uses their memory any more, but where it is shared
   * @throws UserError  when the one before could not be saved
   */
  async save(step: number, tensors: ReadonlyMap<string, CheckpointTensor>): Promise<void> {
    await this.#saving;
    const job = { folder: this.#folder, step, tensors, maxToKeep: this.#maxToKeep };
    this.#saving = this.#thread.do(
      job,
      Array.from(tensors.values(), ({ data }) => data),
    );
    // Whoever saves the next one or finishes is told of it.
    this.#saving.catch((error: unknown) => this.#failed.abort(error));
  }

  /** Resolves when the last checkpoint is complete. @throws UserError  when it could not be saved */
  async finish(): Promise<void> {
    await this.#saving;
  }

  /** Ends the thread, once the last checkpoint is complete or has failed. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#saving]);
    await this.#thread.close();
  }
}
