/** Saves the checkpoints of a run while its training goes on. */
import { join } from 'node:path';
import { WriteError } from '../errors.ts';
import { type FolderId, folderId } from '../files/sameFolder.ts';
import { JobThread } from '../jobThread.ts';
import { lastGoodCheckpoint, latestCheckpoint, saveCheckpoint } from './checkpoints.ts';
import type { CheckpointTensor } from './tensorBundle.ts';

/** One checkpoint to save. */
export interface CheckpointJob {
  readonly folder: string;
  readonly step: number;
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  readonly maxToKeep: number;
  readonly id: FolderId;
}

/** Does what `saveCheckpoint` does. */
export function saveJob({ folder, step, tensors, maxToKeep, id }: CheckpointJob): Promise<void> {
  return saveCheckpoint(folder, step, tensors, maxToKeep, id);
}

/** So many in a row that the disk does not take end a run: it would train for nothing. */
const maxFailures = 3;

const nextTry = 'when the next one is due, at the latest at its end';

/**
 * Saves one checkpoint after the other in a run's folder. One that the disk does not take is told of, and
 * the next one is tried: a disk may be full for a while.
 */
export class CheckpointWriter {
  readonly #folder: string;
  readonly #id: FolderId;
  readonly #maxToKeep: number;
  readonly #tell: (line: string) => void;
  readonly #failed = new AbortController();
  readonly #thread = new JobThread<CheckpointJob>(
    new URL('./checkpointWorker.js', import.meta.url),
    saveJob,
  );
  /** Never rejected. */
  #saving: Promise<void> = Promise.resolve();
  /** Why the last one is not there; undefined when it is. */
  #failure: unknown;
  /** The step of the last one that is not. */
  #failedStep: number | undefined;
  /** How many in a row are not. */
  #failures = 0;

  /**
   * @param maxToKeep  listed ones beyond it are deleted, oldest first
   * @param tell       is told, in a line for people, of one that the disk does not take
   */
  constructor(folder: string, maxToKeep: number, tell: (line: string) => void = () => {}) {
    this.#folder = folder;
    this.#id = folderId(folder);
    this.#maxToKeep = maxToKeep;
    this.#tell = tell;
  }

  /** Aborted when no further checkpoint is tried; the reason is what the next call throws. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** Resolves when the last checkpoint is there or has failed. @throws what no further one is tried for */
  async ready(): Promise<void> {
    await this.#saving;
    this.failed.throwIfAborted();
  }

  /** Resolves as `ready` does. @returns  whether the last checkpoint is not there */
  async lacksLast(): Promise<boolean> {
    await this.ready();
    return this.#failure !== undefined;
  }

  /**
   * Begins to save a checkpoint once the writer is ready.
   *
   * @param tensors  by name; nobody else uses their memory any more, but where it is shared
   * @throws what no further one is tried for
   */
  async save(step: number, tensors: ReadonlyMap<string, CheckpointTensor>): Promise<void> {
    await this.ready();
    const [folder, id, maxToKeep] = [this.#folder, this.#id, this.#maxToKeep];
    const job = { folder, step, tensors, maxToKeep, id };
    const arrays = Array.from(tensors.values(), ({ data }) => data);
    this.#saving = this.#thread.do(job, arrays).then(
      () => this.#succeed(),
      (error: unknown) => this.#fail(step, error),
    );
  }

  /** Resolves when the last checkpoint is complete. @throws UserError  when it could not be saved */
  async finish(): Promise<void> {
    await this.ready();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends the thread, once the last checkpoint is complete or has failed. */
  async close(): Promise<void> {
    await this.#saving;
    await this.#thread.close();
  }

  #succeed(): void {
    this.#failure = undefined;
    this.#failures = 0;
  }

  async #fail(step: number, error: unknown): Promise<void> {
    const isOfDisk = error instanceof WriteError;
    if (isOfDisk && (await this.#isThere(step))) {
      this.#tell(`${error.message} The run goes on.`);
      this.#succeed();
      return;
    }
    // It was told of then, and `finish` throws what is wrong now.
    const isAgain = step === this.#failedStep;
    this.#failedStep = step;
    this.#failures++;
    this.#failure = error;
    if (isOfDisk) {
      const found = `${error.message} ${await lastGoodCheckpoint(this.#folder, this.#id)}`;
      this.#failure = new WriteError(
        `${found}; once the disk takes one, the same command goes on from what is there.`,
      );
      if (this.#failures < maxFailures) {
        if (!isAgain) this.#tell(`${found}; the run goes on, and tries again ${nextTry}.`);
        return;
      }
    }
    this.#failed.abort(this.#failure);
  }

  /** Whether a checkpoint has all that makes it one, whatever failed after that. */
  async #isThere(step: number): Promise<boolean> {
    const latest = await latestCheckpoint(this.#folder).catch(() => undefined);
    return latest === join(this.#folder, `model.ckpt-${step}`);
  }
}
