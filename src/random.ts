/** Seeded random numbers: the same on every machine, with independent streams. */

/**
 * What the random numbers of one seed are for: the first stream of each use. Dropout has none, since
 * the graph draws its numbers itself, from seed and step. Seeds give the same results forever, so a
 * number is never changed, nor taken again when its use is gone.
 */
export const streams = {
  /** First values; then by variable. */
  initialValues: 1,
  /** Order of items; then by epoch. */
  order: 2,
  /** Augmentation; then by epoch and item. */
  augmentation: 3,
  /** --label_noise: which items get which label. */
  labelNoise: 4,
  /** --validation_split; then by label. */
  validation: 5,
  /** Items by chance that the selected ones are shown among in the projector. */
  embedding: 7,
  /** Directions in which `verify` takes differences; then by batch. */
  direction: 9,
} as const;

/** The same of the built-in data, each of which has a seed of its own; then by item. */
export const splitStreams = { train: 1, test: 2 } as const;

/** MurmurHash3's finalizer: each bit of the input moves half of the bits of the output. */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * A generator of uniform numbers (sfc32, the 32-bit "small fast counting" generator of PractRand).
 *
 * @param seed     of the run
 * @param path     tells the uses of one seed apart: a stream, then such as epoch and item; each
 *                 combination gives numbers of its own
 * @returns        a function that gives the next number in [0, 1), a multiple of 2⁻³²
 */
export function random(seed: number, ...path: readonly number[]): () => number {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = 0xb7e15162;
  for (const word of [seed, Math.floor(seed / 2 ** 32), ...path]) {
    a = mix(a ^ word);
    b = mix(b + a);
    c = mix(c ^ b);
  }
  let counter = 1;
  const next = () => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return (result >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}

/**
 * The numbers 0..size−1 in random order (Fisher and Yates' shuffle).
 *
 * @param next  gives uniform numbers in [0, 1)
 */
export function permutation(size: number, next: () => number): Uint32Array {
  // By index: several times as fast as `from`.
  const order = new Uint32Array(size);
  for (let i = 0; i < size; i++) order[i] = i;
  for (let i = size - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    const moved = order[i]!;
    order[i] = order[j]!;
    order[j] = moved;
  }
  return order;
}

/** One number of the standard normal distribution (Box and Muller). */
export function gaussian(next: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}
