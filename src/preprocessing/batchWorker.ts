/** The thread that prepares batches: takes item indices, gives what the network takes of the items. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Image } from '../../datasets/dataset.ts';
import type { ImageStore } from '../../datasets/imageStore.ts';
import { openImages } from '../../datasets/images/imageReader.ts';
import { UserError } from '../errors.ts';
import { random, streams } from '../random.ts';
import { withChannels } from './channels.ts';
import { getPreprocessing } from './factory.ts';
import type { ImageShape } from './preprocessing.ts';
import { padOrCut, type TokenStore } from './text.ts';

/** Where the items of a data set are. */
export type ItemStore = ImageStore | TokenStore;

/** What a worker is started with. */
export interface BatchWorkerData {
  readonly store: ItemStore;
  /** Images that are read and decoded at a time. */
  readonly numReaders: number;
  readonly preprocessingName: string;
  readonly isTraining: boolean;
  /** Of one prepared item. */
  readonly shape: readonly number[];
  readonly seed: number;
}

/** One batch to prepare. */
export interface BatchRequest {
  readonly id: number;
  readonly epoch: number;
  readonly itemIndices: Uint32Array;
  /** Is filled: float32 of images or int32 of token ids, at least the batch's size. */
  readonly buffer: SharedArrayBuffer;
}

/** A batch is prepared, or why it is not. */
export interface BatchResponse {
  readonly id: number;
  readonly problem?: string;
}

const { store, numReaders, preprocessingName, isTraining, shape, seed } =
  workerData as BatchWorkerData;
const itemSize = shape.reduce((product, size) => product * size, 1);

/** Prepares one item into its part of the batch. */
type PrepareItem = (request: BatchRequest, row: number) => Promise<void> | undefined;

/** The elements of a batch that belong to one row, in bytes from and in number. */
function partOf(row: number): [byteOffset: number, length: number] {
  return [row * itemSize * Float32Array.BYTES_PER_ELEMENT, itemSize];
}

async function imagePreparation(images: ImageStore): Promise<PrepareItem> {
  const reader = await openImages(images);
  const preprocessing = getPreprocessing(preprocessingName);
  const preprocess = isTraining ? preprocessing.train : preprocessing.evaluate;
  const imageShape = shape as ImageShape;
  return ({ epoch, itemIndices, buffer }, row) => {
    const itemIndex = itemIndices[row]!;
    const preprocessRow = (image: Image) => {
      const out = new Float32Array(buffer, ...partOf(row));
      const next = random(seed, streams.augmentation, epoch, itemIndex);
      preprocess(withChannels(image, imageShape[2]), imageShape, out, next);
    };
    const image = reader.read(itemIndex);
    if (image instanceof Promise) return image.then(preprocessRow);
    preprocessRow(image);
    return undefined;
  };
}

function textPreparation(tokens: TokenStore): PrepareItem {
  return ({ itemIndices, buffer }, row) => {
    padOrCut(tokens, itemIndices[row]!, new Int32Array(buffer, ...partOf(row)));
    return undefined;
  };
}

const prepareItem =
  store.kind === 'tokens' ? textPreparation(store) : await imagePreparation(store);

async function prepare(request: BatchRequest): Promise<void> {
  let nextRow = 0;
  const work = async () => {
    while (nextRow < request.itemIndices.length) {
      const pending = prepareItem(request, nextRow++);
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
