/** Numbers that the scripts of test/python make again. */

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
