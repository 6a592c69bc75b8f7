/** Work that its caller goes on without: jobs that a thread of their own does, one after the other. */
import { existsSync } from 'node:fs';
import { parentPort, Worker } from 'node:worker_threads';
import { UserError, WriteError } from './errors.ts';

/** What went wrong, as it passes between threads: of an error's class only the name does. */
interface Failure {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
}

/** The answer to a job, when it is done. */
interface Answer {
  readonly failure: Failure | null;
}

function failureOf(error: unknown): Failure {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  return { name, message, stack };
}

function errorOf({ name, message, stack }: Failure): Error {
  if (name === 'WriteError') return new WriteError(message);
  if (name === 'UserError') return new UserError(message);
  return Object.assign(new Error(message), { stack });
}

/** Up to so many bytes a job takes no longer than a thread takes to start: about 50 ms. */
const smallJobBytes = 2 ** 18;

const isThere = (module: URL) => module.protocol !== 'file:' || existsSync(module);

/** Does jobs: in a thread, which the first large one starts, or here when they are small or no thread can start. */
export class JobThread<Job> {
  readonly #module: URL;
  readonly #doHere: (job: Job) => Promise<void>;
  #worker: Worker | undefined;
  #caller: { resolve(): void; reject(error: Error): void } | undefined;

  /**
   * @param module  what the thread runs: it hands `doJob` to `doJobs`
   * @param doJob   does one job
   */
  constructor(module: URL, doJob: (job: Job) => Promise<void>) {
    this.#module = module;
    this.#doHere = doJob;
  }

  /**
   * Has a job done; the one before must have been.
   *
   * @param job     plain data
   * @param arrays  those of it whose memory goes to the thread: nobody else uses them any more, but where it is shared
   * @throws        what the job throws, or why the thread ended
   */
  async do(job: Job, arrays: readonly ArrayBufferView[]): Promise<void> {
    const bytes = arrays.reduce((sum, { byteLength }) => sum + byteLength, 0);
    // Who installs another version while this one is at work takes away what a thread would load.
    if (bytes > smallJobBytes && isThere(this.#module)) this.#worker ??= this.#start();
    const worker = this.#worker;
    if (bytes <= smallJobBytes || worker === undefined) return this.#doHere(job);
    const buffers = new Set(arrays.map(({ buffer }) => buffer));
    const moved = [...buffers].filter((buffer) => buffer instanceof ArrayBuffer);
    await new Promise<void>((resolve, reject) => {
      this.#caller = { resolve, reject };
      worker.postMessage(job, moved);
    });
  }

  /** Ends the thread; the job that it is at is given up, and settles as if it were done. */
  async close(): Promise<void> {
    const worker = this.#worker;
    const caller = this.#caller;
    this.#worker = undefined;
    await worker?.terminate();
    caller?.resolve();
  }

  /** @returns  undefined when the system gives no further thread */
  #start(): Worker | undefined {
    let worker: Worker;
    try {
      worker = new Worker(this.#module);
    } catch {
      return undefined;
    }
    worker.on('message', ({ failure }: Answer) => {
      if (failure === null) this.#caller?.resolve();
      else this.#caller?.reject(errorOf(failure));
    });
    worker.on('messageerror', (error) => this.#caller?.reject(error));
    const fail = (error: Error) => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#caller?.reject(error);
    };
    worker.on('error', fail);
    worker.on('exit', (code) =>
      fail(new Error(`${this.#module.pathname}: ended with code ${code}`)),
    );
    return worker;
  }
}

/** In the thread: does each job that comes. */
export function doJobs<Job>(doJob: (job: Job) => Promise<void>): void {
  const answer = (failure: Failure | null) => parentPort?.postMessage({ failure } satisfies Answer);
  const fail = (error: unknown) => answer(failureOf(error));
  // As when its memory was handed to somebody else before; whoever waits for the answer would wait for ever.
  parentPort?.on('messageerror', ({ message }: Error) =>
    fail(new Error(`what a thread was to do did not reach it whole (${message})`)),
  );
  parentPort?.on('message', (job: Job) => doJob(job).then(() => answer(null), fail));
}
