/** A thread that works for an engine: sends it tasks and brings back what they result in. */
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { UserError } from '../errors.ts';
import type {
  EngineRequest,
  EngineResponse,
  EngineResults,
  EngineTask,
  StartMessage,
} from './tensorflowWorker.ts';

/** Whoever waits for an answer. */
interface Waiting {
  resolve(result: EngineResults[EngineTask['kind']]): void;
  reject(error: Error): void;
}

/** The thread of TensorFlow. It keeps the process from ending only while there is something to do. */
export class EngineThread {
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
    worker.on('error', (error: Error) => this.#fail(error.message));
    worker.on('exit', (code) => this.#fail(`exit code ${code}`));
    worker.unref();
  }

  /**
   * Starts the thread.
   *
   * @param packageFolder  the folder of tfjs-node-gpu
   * @throws Error         when the package does not load there
   */
  static async start(packageFolder: string): Promise<{
    thread: EngineThread;
    started: Exclude<StartMessage, { failure: string }>;
  }> {
    const worker = new Worker(new URL('./tensorflowWorker.js', import.meta.url), {
      workerData: { folder: packageFolder },
      // TensorFlow reads the environment of the process, which a thread's own copy would not change.
      env: SHARE_ENV,
    });
    const message = await new Promise<StartMessage>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`its thread ended: exit code ${code}`)));
    });
    if ('failure' in message) throw new Error(message.failure);
    return { thread: new EngineThread(worker), started: message };
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
  request<Kind extends EngineTask['kind']>(
    task: Extract<EngineTask, { readonly kind: Kind }>,
  ): Promise<EngineResults[Kind]> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const id = this.#nextId++;
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      this.#worker.postMessage({ id, task } satisfies EngineRequest);
    });
  }

  /** From now on, and for all that wait, there are no answers. */
  #fail(reason: string): void {
    this.#end ??= new UserError(
      `engine tensorflow: the engine's thread ended (${reason}). Run the command again.`,
    );
    for (const { reject } of this.#waiting.values()) reject(this.#end);
    this.#waiting.clear();
  }
}
