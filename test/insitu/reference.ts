/** The inputs of test/python/in_situ_reference.py, made again by the same hash. */
import { hashed } from '../hashed.ts';

/** Items in the reference batch. */
export const batchSize = 6;
/** Dropout seed of the reference batch. */
export const dropoutSeed = [3, 5];
/** Monitored rows of the reference batch. */
export const monitoredRows = [1, 4];

/** float32 [6, 28, 28, 1] */
export function referenceImages(): Float32Array {
  return Float32Array.from(hashed(batchSize * 28 * 28, 99));
}

/** int32 [6] */
export function referenceLabels(): Int32Array {
  return Int32Array.from({ length: batchSize }, (_, i) => (i * 3) % 10);
}

/** Values of the `index`th variable of LeNet. */
export function referenceWeights(index: number, size: number): Float32Array {
  return new Float32Array(hashed(size, index + 1).map((value) => value * 0.1));
}
