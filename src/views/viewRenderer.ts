/** Draws views in threads of their own, with a bound on what waits. */
import './draw/hugePages.ts';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ViewOptions } from './monitoringView.ts';
import type { ScatterView } from './scatterView.ts';
import type {
  AnyEvolutionView,
  AnyMonitoringView,
  AnySelectionView,
  ViewRequest,
  ViewResponse,
} from './viewWorker.ts';

/** Views that wait at most before `ready` holds their maker back: about 10 MB of 32×32 items. */
const defaultMaxWaiting = 256;

/** Views that wait for each thread before another one is started: about as long as it takes to start. */
const waitingPerThread = 32;
/** Threads at most; one draws some 400 views of small images in a second. */
const maxThreads = Math.min(4, availableParallelism());

interface Waiting {
  readonly resolve: (png: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** A thread that draws, and what it has not drawn yet, in its order. */
interface Thread {
  readonly worker: Worker;
  readonly waiting: Waiting[];
}

/** Turns views into PNG files. */
export class ViewRenderer {
  /** Started by the views that wait: until then their canvases and fonts are in nobody's way. */
  readonly #threads: Thread[] = [];
  readonly #options: ViewOptions;
  readonly #maxWaiting: number;
  #onProgress: (() => void)[] = [];
  #failure: Error | undefined;

  /**
   * @param options     how Monitoring and Evolution Views are drawn
   * @param maxWaiting  views that wait at most before `ready` holds their maker back
   */
  constructor(options: ViewOptions = {}, maxWaiting = defaultMaxWaiting) {
    this.#options = options;
    this.#maxWaiting = maxWaiting;
  }

  /** Resolves when another view may be handed over without gathering too many. */
  async ready(): Promise<void> {
    while (this.#waiting >= this.#maxWaiting) {
      await new Promise<void>((resolve) => this.#onProgress.push(resolve));
    }
  }

  /** The Selection View as a PNG file. */
  renderSelectionView(view: AnySelectionView): Promise<Uint8Array> {
    return this.#render({ kind: 'selection', view });
  }

  /** The scatter view of all items as a PNG file. */
  renderScatterView(view: ScatterView): Promise<Uint8Array> {
    return this.#render({ kind: 'scatter', view });
  }

  /** The Monitoring View as a PNG file. */
  renderMonitoringView(view: AnyMonitoringView): Promise<Uint8Array> {
    return this.#render({ kind: 'monitoring', view, options: this.#options });
  }

  /** The Evolution View as a PNG file. */
  renderEvolutionView(view: AnyEvolutionView): Promise<Uint8Array> {
    return this.#render({ kind: 'evolution', view, options: this.#options });
  }

  /** Ends the threads; views that still wait are given up. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  /** Views that are not drawn yet. */
  get #waiting(): number {
    return this.#threads.reduce((sum, { waiting }) => sum + waiting.length, 0);
  }

  #render(request: ViewRequest): Promise<Uint8Array> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const { worker, waiting } = this.#nextThread();
      waiting.push({ resolve, reject });
      worker.postMessage(request);
    });
  }

  /** The thread with least to do, or a new one where that has much. */
  #nextThread(): Thread {
    const [least] = this.#threads.toSorted((a, b) => a.waiting.length - b.waiting.length);
    const hasRoom = this.#threads.length < maxThreads;
    if (least && (least.waiting.length < waitingPerThread || !hasRoom)) return least;
    try {
      return this.#start();
    } catch (error) {
      // The system gives no further one.
      if (least === undefined) throw error;
      return least;
    }
  }

  #start(): Thread {
    const worker = new Worker(new URL('./viewWorker.js', import.meta.url));
    const waiting: Waiting[] = [];
    worker.on('message', (response: ViewResponse) => {
      const { resolve, reject } = waiting.shift()!;
      if ('png' in response) resolve(response.png);
      else reject(response.error);
      this.#wake();
    });
    worker.on('error', (error: Error) => {
      this.#failure = error;
      for (const { reject } of waiting.splice(0)) reject(error);
      this.#wake();
    });
    const thread = { worker, waiting };
    this.#threads.push(thread);
    return thread;
  }

  #wake(): void {
    for (const resolve of this.#onProgress.splice(0)) resolve();
  }
}
