/** The thread that prepares batches: takes item indices, gives preprocessed images. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Image } from '../../datasets/dataset.ts';
import { type ImageStore, openImages } from '../../datasets/imageStore.ts';
import { UserError } from '../errors.ts';
import { random } from '../random.ts';
import { withChannels } from './channels.ts';
import { getPreprocessing } from './factory.ts';
import type { ImageShape } from './preprocessing.ts';

/** What a worker is started with. */
export interface BatchWorkerData {
  readonly store: ImageStore;
  /** Images that are read and decoded at a time. */
  readonly numReaders: number;
  readonly preprocessingName: string;
  readonly isTraining: boolean;
  readonly imageShape: ImageShape;
  readonly seed: number;
}

/** One batch to prepare. */
export interface BatchRequest {
  readonly id: number;
  readonly epoch: number;
  readonly itemIndices: Uint32Array;
  /** Is filled and sent back; float32 of at least the batch's size. */
  readonly images: Float32Array<ArrayBuffer>;
}

/** A prepared batch, or why there is none. */
export type BatchResponse =
  | { readonly id: number; readonly images: Float32Array<ArrayBuffer> }
  | { readonly id: number; readonly problem: string };

/** Tells these random numbers from those of weights, order and dropout. */
const augmentationStream = 3;

const { store, numReaders, preprocessingName, isTraining, imageShape, seed } =
  workerData as BatchWorkerData;
const preprocessing = getPreprocessing(preprocessingName);
const preprocess = isTraining ? preprocessing.train : preprocessing.evaluate;
const imageSize = imageShape[0] * imageShape[1] * imageShape[2];
const reader = await openImages(store);

async function prepare({ epoch, itemIndices, images }: BatchRequest): Promise<void> {
  const preprocessRow = (row: number, source: Image) => {
    const out = images.subarray(row * imageSize, (row + 1) * imageSize);
    const next = random(seed, augmentationStream, epoch, itemIndices[row]!);
    preprocess(withChannels(source, imageShape[2]), imageShape, out, next);
  };
  let nextRow = 0;
  const work = async () => {
    while (nextRow < itemIndices.length) {
      const row = nextRow++;
      const image = reader.read(itemIndices[row]!);
      preprocessRow(row, image instanceof Promise ? await image : image);
    }
  };
  await Promise.all(Array.from({ length: numReaders }, work));
}

parentPort?.on('message', (request: BatchRequest) => {
  const { id, images } = request;
  const answer = (response: BatchResponse) =>
    parentPort?.postMessage(response, 'images' in response ? [images.buffer] : []);
  prepare(request).then(
    () => answer({ id, images }),
    (error: unknown) => {
      // What the user can mend is told as such; anything else ends the thread with its stack.
      if (!(error instanceof UserError)) throw error;
      answer({ id, problem: error.message });
    },
  );
});
