/** Seeded random numbers: the same on every machine, with independent streams. */

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
 * @param streams  tell the uses of one seed apart, such as epoch and item; each combination gives
 *                 numbers of its own
 * @returns        a function that gives the next number in [0, 1), a multiple of 2⁻³²
 */
export function random(seed: number, ...streams: readonly number[]): () => number {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = 0xb7e15162;
  for (const word of [seed, Math.floor(seed / 2 ** 32), ...streams]) {
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
  const order = Uint32Array.from({ length: size }, (_, i) => i);
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
