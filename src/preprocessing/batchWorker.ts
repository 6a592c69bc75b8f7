/** The thread that prepares batches: takes item indices, gives preprocessed images. */
import { parentPort, workerData } from 'node:worker_threads';
import { imageAt } from '../../datasets/inMemory.ts';
import { random } from '../random.ts';
import { withChannels } from './channels.ts';
import { getPreprocessing } from './factory.ts';
import type { ImageShape } from './preprocessing.ts';

/** What a worker is started with. */
export interface BatchWorkerData {
  /** [size, height, width, channels] in shared memory */
  readonly pixels: Uint8Array;
  readonly sourceShape: ImageShape;
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

/** A prepared batch. */
export interface BatchResponse {
  readonly id: number;
  readonly images: Float32Array<ArrayBuffer>;
}

/** Tells these random numbers from those of weights, order and dropout. */
const augmentationStream = 3;

const { pixels, sourceShape, preprocessingName, isTraining, imageShape, seed } =
  workerData as BatchWorkerData;
const preprocessing = getPreprocessing(preprocessingName);
const preprocess = isTraining ? preprocessing.train : preprocessing.evaluate;
const imageSize = imageShape[0] * imageShape[1] * imageShape[2];

parentPort?.on('message', ({ id, epoch, itemIndices, images }: BatchRequest) => {
  itemIndices.forEach((itemIndex, row) => {
    const out = images.subarray(row * imageSize, (row + 1) * imageSize);
    const next = random(seed, augmentationStream, epoch, itemIndex);
    const image = withChannels(imageAt(pixels, sourceShape, itemIndex), imageShape[2]);
    preprocess(image, imageShape, out, next);
  });
  const response: BatchResponse = { id, images };
  parentPort?.postMessage(response, [images.buffer]);
});
