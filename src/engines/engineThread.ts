/** A thread that works for an engine: sends it tasks and brings back what they result in. */
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { UserError } from '../errors.ts';
import type {
  EngineRequest,
  EngineResponse,
  EngineResults,
  EngineTask,
  EngineTaskKind,
  StartMessage,
} from './engineTasks.ts';

/** Whoever waits for an answer. */
interface Waiting {
  resolve(result: EngineResults[EngineTaskKind]): void;
  reject(error: Error): void;
}

/**
 * A thread of TensorFlow that loads models of one kind. It keeps the process from ending only while there is
 * something to do.
 */
export class EngineThread<Model> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #end: UserError | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (response: EngineResponse) => {
      const waiting = this.#waiting.get(response.id);
      this.#waiting.delete(response.id);
      if (this.#waiting.size === 0) worker.unref();
      if ('error' in response) waiting?.reject(response.error);
      else waiting?.resolve(response.result);
    });
    // Either comes first, and the first one says more.
    const ended = (reason: string) =>
      this.end(
        new UserError(
          `engine tensorflow: the engine's thread ended (${reason}). Run the command again.`,
        ),
      );
    worker.on('error', (error: Error) => ended(error.message));
    worker.on('exit', (code) => ended(`exit code ${code}`));
    worker.unref();
  }

  /**
   * Starts a thread.
   *
   * @param module      what the thread runs: it calls `doEngineTasks`
   * @param workerData  what it is told
   * @throws Error      when it does not start
   */
  static async start<Model, Started extends object>(
    module: URL,
    workerData: unknown,
  ): Promise<{ thread: EngineThread<Model>; started: Started }> {
    const worker = new Worker(module, {
      workerData,
      // TensorFlow reads the environment of the process, which a thread's own copy would not change.
      env: SHARE_ENV,
    });
    const message = await new Promise<StartMessage<Started>>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`its thread ended: exit code ${code}`)));
    });
    if ('failure' in message) throw new Error(message.failure);
    return { thread: new EngineThread<Model>(worker), started: message };
  }

  /** Whether the thread has ended, and nothing can be asked of it any more. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /**
   * Has a task done after those before it.
   *
   * @throws Error      what TensorFlow says
   * @throws UserError  when the thread has ended, or ends meanwhile
   */
  request<Kind extends EngineTaskKind>(
    task: Extract<EngineTask<Model>, { readonly kind: Kind }>,
  ): Promise<EngineResults[Kind]> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const id = this.#nextId++;
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      this.#worker.postMessage({ id, task } satisfies EngineRequest<Model>);
    });
  }

  /** From now on, and for all that wait, there are no answers; the thread may be at a task still. */
  end(reason: UserError): void {
    this.#end ??= reason;
    for (const { reject } of this.#waiting.values()) reject(this.#end);
    this.#waiting.clear();
    this.#worker.unref();
  }

  /** Ends the thread itself, which must not be at a task that never ends. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
