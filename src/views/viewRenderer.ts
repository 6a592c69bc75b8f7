/** Draws views in a thread of their own, in order, with a bound on what waits. */
import './draw/hugePages.ts';
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

interface Waiting {
  readonly resolve: (png: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** Turns views into PNG files. */
export class ViewRenderer {
  /** Started by the first view: until then its canvas and fonts are in nobody's way. */
  #worker: Worker | undefined;
  readonly #waiting: Waiting[] = [];
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
    while (this.#waiting.length >= this.#maxWaiting) {
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

  /** Ends the thread; views that still wait are given up. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #render(request: ViewRequest): Promise<Uint8Array> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker ??= this.#start();
      this.#worker.postMessage(request);
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL('./viewWorker.js', import.meta.url));
    worker.on('message', (response: ViewResponse) => {
      const { resolve, reject } = this.#waiting.shift()!;
      if ('png' in response) resolve(response.png);
      else reject(response.error);
      this.#wake();
    });
    worker.on('error', (error: Error) => {
      this.#failure = error;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
      this.#wake();
    });
    return worker;
  }

  #wake(): void {
    for (const resolve of this.#onProgress.splice(0)) resolve();
  }
}
