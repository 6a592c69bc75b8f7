/** The inputs of test/python/in_situ_reference.py, made again by the same hash. */

/** Numbers in [−1, 1) from a hash of their index (MurmurHash3's finalizer). */
export function hashed(count: number, stream: number): Float64Array {
  const values = new Float64Array(count);
  const offset = Math.imul(stream, 0x9e3779b9);
  for (let i = 0; i < count; i++) {
    let h = (i + offset) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
    values[i] = (h >>> 0) / 2 ** 31 - 1;
  }
  return values;
}

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
  return Float32Array.from(hashed(size, index + 1), (value) => value * 0.1);
}
