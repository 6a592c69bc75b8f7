/** The thread that prepares batches: takes item indices, gives what the network takes of the items. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Image } from '../../datasets/dataset.ts';
import type { ImageStore } from '../../datasets/imageStore.ts';
import { openImages } from '../../datasets/images/imageReader.ts';
import type { HostTensor } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import { random, streams } from '../random.ts';
import { ItemMemory } from './itemFeeds.ts';
import type { GraphInput, ImageInput } from './itemInput.ts';
import { imagePreparation } from './prepareImage.ts';
import { padOrCut, type TokenStore } from './text.ts';

/** Where the items of a data set are. */
export type ItemStore = ImageStore | TokenStore;

/** What a worker is started with. */
export interface BatchWorkerData {
  readonly store: ItemStore;
  /** Images that are read and decoded at a time. */
  readonly numReaders: number;
  readonly isTraining: boolean;
  readonly input: GraphInput;
  /** Items of a batch at most. */
  readonly batchSize: number;
  readonly seed: number;
}

/** One batch to prepare. */
export interface BatchRequest {
  readonly id: number;
  readonly epoch: number;
  readonly itemIndices: Uint32Array;
  /** Is filled, as ItemMemory lays it out. */
  readonly buffer: SharedArrayBuffer;
}

/** A batch is prepared, or why it is not. */
export interface BatchResponse {
  readonly id: number;
  readonly problem?: string;
}

const { store, numReaders, isTraining, input, batchSize, seed } = workerData as BatchWorkerData;
const memory = new ItemMemory(input, isTraining, batchSize, SharedArrayBuffer);

type Feeds = Readonly<Record<string, HostTensor>>;

/** Prepares one item into its row of the batch. */
type PrepareItem = (request: BatchRequest, feeds: Feeds, row: number) => Promise<void> | undefined;

async function preparationOfImages(images: ImageStore): Promise<PrepareItem> {
  const reader = await openImages(images);
  const prepareImage = imagePreparation(input as ImageInput, isTraining);
  return ({ epoch, itemIndices }, feeds, row) => {
    const itemIndex = itemIndices[row]!;
    const prepareRow = (image: Image) =>
      prepareImage(image, feeds, row, random(seed, streams.augmentation, epoch, itemIndex));
    const image = reader.read(itemIndex);
    if (image instanceof Promise) return image.then(prepareRow);
    prepareRow(image);
    return undefined;
  };
}

function preparationOfTexts(tokens: TokenStore): PrepareItem {
  return ({ itemIndices }, feeds, row) => {
    padOrCut(tokens, itemIndices[row]!, feeds, row);
    return undefined;
  };
}

const prepareItem =
  store.kind === 'tokens' ? preparationOfTexts(store) : await preparationOfImages(store);

async function prepare(request: BatchRequest): Promise<void> {
  const feeds = memory.feedsIn(request.buffer);
  let nextRow = 0;
  const work = async () => {
    while (nextRow < request.itemIndices.length) {
      const pending = prepareItem(request, feeds, nextRow++);
      if (pending !== undefined) await pending;
    }
  };
  await Promise.all(Array.from({ length: numReaders }, work));
}

parentPort?.on('message', (request: BatchRequest) => {
  const { id } = request;
  const answer = (response: BatchResponse) => parentPort?.postMessage(response);
  prepare(request).then(
    () => answer({ id }),
    (error: unknown) => {
      // What the user can mend is told as such; anything else ends the thread with its stack.
      if (!(error instanceof UserError)) throw error;
      answer({ id, problem: error.message });
    },
  );
});
