/** Prepares batches in worker threads, ahead of the steps that take them. */
import { Worker } from 'node:worker_threads';
import type { Dataset } from '../../datasets/dataset.ts';
import type { HostTensor } from '../engines/engine.ts';
import { stepsPerEpoch } from '../epochs.ts';
import { UserError } from '../errors.ts';
import { permutation, random, streams } from '../random.ts';
import type { BatchRequest, BatchResponse, BatchWorkerData, ItemStore } from './batchWorker.ts';
import { ItemMemory } from './itemFeeds.ts';
import { type GraphInput, type ItemInput, wrongKind } from './itemInput.ts';
import { encodeTexts } from './text.ts';

/** Which items a batch is of. */
export interface BatchItems {
  /** Index of each item in the split's source order, [n]. */
  readonly itemIndices: Uint32Array;
  /** [n], 0..classes−1 */
  readonly labels: Int32Array;
}

/** Some items, ready for the network. */
export interface Batch extends BatchItems {
  /**
   * What the graph is fed of the items, by placeholder, as `itemFeeds` has them; valid until the next
   * batch but one is asked for, so that a step can be recorded while the next one is done.
   */
  readonly feeds: Readonly<Record<string, HostTensor>>;
  /** The rows that `feeds` is of, ascending; all where it is not given. */
  readonly preparedRows?: Int32Array;
  /** Where its items are in the joint batch of all workers; undefined for a pipeline that has no share. */
  readonly joint?: JointPlace;
}

/** Where the items of a worker are in a joint batch. */
export interface JointPlace {
  /** Row of the first one. */
  readonly first: number;
  /** Rows of the joint batch. */
  readonly size: number;
  /** Which of its parts it is, and of how many. */
  readonly share: BatchShare;
}

/** The part of each joint batch that one of several workers has. */
export interface BatchShare {
  /** From 0. */
  readonly worker: number;
  readonly workers: number;
}

/** How batches are made. */
export interface BatchPipelineOptions {
  /** Training shuffles and augments; otherwise items come in source order as they are. */
  readonly isTraining: boolean;
  /** What the network takes of each item; of the data set's kind. */
  readonly input: ItemInput;
  /** Of each worker where there are several. */
  readonly batchSize: number;
  readonly seed: number;
  readonly numThreads: number;
  /** Batches are this worker's parts of joint ones; the whole ones by default. */
  readonly share?: BatchShare | undefined;
  /** Images that each thread reads and decodes at a time, where they are not in memory; 4 by default. */
  readonly numReaders?: number;
}

/** A batch under way. */
interface PendingBatch {
  readonly itemIndices: Uint32Array;
  readonly joint: JointPlace | undefined;
  /** Those that are prepared; undefined for all. */
  readonly rows: Int32Array | undefined;
  readonly prepared: Promise<SharedArrayBuffer>;
}

function neededRows(
  itemIndices: Uint32Array,
  isNeeded: (itemIndex: number) => boolean,
): Int32Array {
  return Int32Array.from(itemIndices.keys()).filter((row) => isNeeded(itemIndices[row]!));
}

/** Whoever waits for a batch. */
interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

/** What threads make the items of. @throws UsageError when the network takes items of another kind */
function storeOf(dataset: Dataset, input: ItemInput): ItemStore {
  if (dataset.kind === 'texts' && input.kind === 'texts') {
    return encodeTexts(dataset, input.vocabulary);
  }
  if (dataset.kind === 'images' && input.kind === 'images') return dataset.images;
  throw wrongKind(dataset, input);
}

/** What of the input a thread needs: a vocabulary would be copied to each. */
function plainInput(input: ItemInput): GraphInput {
  if (input.kind === 'images') return input;
  return { ...input, vocabulary: { size: input.vocabulary.size } };
}

const defaultNumReaders = 4;
/** Batches that are prepared ahead, for each thread. */
const batchesAheadPerThread = 2;
/** Gives the batches of one data set, epoch by epoch; the same bytes whatever the number of threads. */
export class BatchPipeline {
  readonly #dataset: Dataset;
  readonly #options: BatchPipelineOptions;
  readonly #memory: ItemMemory<SharedArrayBuffer>;
  readonly #workers: Worker[] = [];
  readonly #waiting = new Map<number, Waiting>();
  /** Memory that is free for further batches; threads and engine see the same. */
  readonly #buffers: SharedArrayBuffer[] = [];
  #order: { readonly epoch: number; readonly items: Uint32Array } | undefined;
  #nextId = 0;
  #failure: Error | undefined;

  constructor(dataset: Dataset, options: BatchPipelineOptions) {
    this.#dataset = dataset;
    this.#options = options;
    const { isTraining, input, batchSize, seed } = options;
    this.#memory = new ItemMemory(input, isTraining, batchSize, SharedArrayBuffer);
    const workerData: BatchWorkerData = {
      store: storeOf(dataset, input),
      numReaders: options.numReaders ?? defaultNumReaders,
      isTraining,
      input: plainInput(input),
      batchSize,
      seed,
    };
    try {
      while (this.#workers.length < options.numThreads) {
        this.#workers.push(this.#startWorker(workerData));
      }
    } catch (error) {
      // Nobody else knows those that did start, and they would keep the process from ending.
      for (const worker of this.#workers) void worker.terminate();
      throw error;
    }
  }

  #startWorker(workerData: BatchWorkerData): Worker {
    const worker = new Worker(new URL('./batchWorker.js', import.meta.url), { workerData });
    worker.on('message', (response: BatchResponse) => {
      const waiting = this.#waiting.get(response.id);
      this.#waiting.delete(response.id);
      if (response.problem === undefined) waiting?.resolve();
      else waiting?.reject(new UserError(response.problem));
    });
    worker.on('error', (error: Error) => this.#fail(error));
    return worker;
  }

  /** Batches in an epoch; the last may be smaller. */
  get batchesPerEpoch(): number {
    return stepsPerEpoch(this.#dataset.items.length, this.#jointSize);
  }

  /** Items of a full batch of all workers. */
  get #jointSize(): number {
    const { batchSize, share } = this.#options;
    return batchSize * (share?.workers ?? 1);
  }

  /**
   * One epoch: every item once, in an order that depends on seed and epoch alone.
   *
   * @param epoch       from 0
   * @param firstBatch  batches of the epoch that are left out, as a resumed run has done them
   * @param isNeeded    whether an item is to be prepared, asked ahead of its batch; all by default
   */
  async *epoch(
    epoch: number,
    firstBatch = 0,
    isNeeded?: (itemIndex: number) => boolean,
  ): AsyncGenerator<Batch, void, undefined> {
    const { numThreads, share } = this.#options;
    const ahead = numThreads * batchesAheadPerThread;
    let before: SharedArrayBuffer | undefined;
    const pending: PendingBatch[] = [];
    try {
      for (let batch = firstBatch; batch < this.batchesPerEpoch || pending.length > 0; ) {
        if (batch < this.batchesPerEpoch && pending.length < ahead) {
          const { itemIndices, joint } = this.#itemsOf(epoch, batch, share);
          const rows = isNeeded && neededRows(itemIndices, isNeeded);
          const needed = rows ? Uint32Array.from(rows, (row) => itemIndices[row]!) : itemIndices;
          pending.push({ itemIndices, joint, rows, prepared: this.#prepare(epoch, needed) });
          batch++;
          continue;
        }
        const next = pending.shift()!;
        const buffer = await next.prepared;
        yield this.#batch(next, buffer);
        if (before !== undefined) this.#buffers.push(before);
        before = buffer;
      }
    } finally {
      if (before !== undefined) this.#buffers.push(before);
      for (const result of await Promise.allSettled(pending.map(({ prepared }) => prepared))) {
        if (result.status === 'fulfilled') this.#buffers.push(result.value);
      }
    }
  }

  /**
   * The part of a joint batch that another worker has, or this one once more.
   *
   * @param use  what is done with it: it is valid until that is done
   * @returns    what that returns
   */
  async usePart<T>(
    epoch: number,
    batch: number,
    share: BatchShare,
    use: (part: Batch) => Promise<T>,
  ): Promise<T> {
    const { itemIndices, joint } = this.#itemsOf(epoch, batch, share);
    const buffer = await this.#prepare(epoch, itemIndices);
    try {
      return await use(this.#batch({ itemIndices, joint, rows: undefined }, buffer));
    } finally {
      this.#buffers.push(buffer);
    }
  }

  /** The items that a worker has in the rest of an epoch, in their order. @param firstBatch  of the rest */
  itemsOf(epoch: number, firstBatch: number, share: BatchShare): number[] {
    const batches = Math.max(0, this.batchesPerEpoch - firstBatch);
    return Array.from({ length: batches }, (_, i) => [
      ...this.#itemsOf(epoch, firstBatch + i, share).itemIndices,
    ]).flat();
  }

  /** Ends the threads; an epoch that is under way fails. */
  async close(): Promise<void> {
    this.#fail(new Error('BatchPipeline: closed'));
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  /** From now on, and for all that wait, there are no batches. */
  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }

  /** All items in the order of an epoch. */
  #orderOf(epoch: number): Uint32Array {
    const { isTraining, seed } = this.#options;
    const { items } = this.#dataset;
    if (!isTraining) return items;
    if (this.#order?.epoch !== epoch) {
      const order = permutation(items.length, random(seed, streams.order, epoch));
      for (let i = 0; i < order.length; i++) order[i] = items[order[i]!]!;
      this.#order = { epoch, items: order };
    }
    return this.#order.items;
  }

  /** The items of a batch, or of one part of it: parts differ by one item at most. */
  #itemsOf(
    epoch: number,
    batch: number,
    share: BatchShare | undefined,
  ): Pick<PendingBatch, 'itemIndices' | 'joint'> {
    const order = this.#orderOf(epoch);
    const items = order.subarray(batch * this.#jointSize, (batch + 1) * this.#jointSize);
    if (share === undefined) return { itemIndices: items.slice(), joint: undefined };
    const { worker, workers } = share;
    const size = items.length;
    const first = Math.floor((worker * size) / workers);
    const end = Math.floor(((worker + 1) * size) / workers);
    return { itemIndices: items.slice(first, end), joint: { first, size, share } };
  }

  #batch(
    { itemIndices, rows: preparedRows, joint }: Omit<PendingBatch, 'prepared'>,
    buffer: SharedArrayBuffer,
  ): Batch {
    const count = itemIndices.length;
    const labels = new Int32Array(count);
    for (let row = 0; row < count; row++) labels[row] = this.#dataset.labels[itemIndices[row]!]!;
    const feeds = this.#memory.feedsIn(buffer, preparedRows?.length ?? count);
    return {
      ...{ itemIndices, labels, feeds },
      ...(preparedRows && { preparedRows }),
      ...(joint && { joint }),
    };
  }

  #prepare(epoch: number, itemIndices: Uint32Array): Promise<SharedArrayBuffer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const buffer = this.#buffers.pop() ?? this.#memory.allocate();
    const id = this.#nextId++;
    const request: BatchRequest = { id, epoch, itemIndices, buffer };
    const prepared = new Promise<SharedArrayBuffer>((resolve, reject) => {
      this.#waiting.set(id, { resolve: () => resolve(buffer), reject });
    });
    // A batch that fails before its turn is told of when it is awaited.
    prepared.catch(() => {});
    this.#workers[id % this.#workers.length]!.postMessage(request);
    return prepared;
  }
}
