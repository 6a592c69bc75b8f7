/** TensorFlow's stateless random numbers: Philox4x32-10 (Salmon et al. 2011). */

const rounds = 10;
const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;

/** Upper 32 bits of a product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(carry / 65536)) | 0;
}

/** One block of four 32-bit numbers from a key and a counter, into `out`. */
function philox(
  key0: number,
  key1: number,
  counter0: number,
  counter1: number,
  counter2: number,
  counter3: number,
  out: Int32Array,
): void {
  let [k0, k1] = [key0, key1];
  let [c0, c1, c2, c3] = [counter0, counter1, counter2, counter3];
  for (let round = 0; round < rounds; round++) {
    const high0 = multiplyHigh(c0 >>> 0, multiplier0);
    const low0 = Math.imul(c0, multiplier0);
    const high1 = multiplyHigh(c2 >>> 0, multiplier1);
    const low1 = Math.imul(c2, multiplier1);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + weyl0) | 0;
    k1 = (k1 + weyl1) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/**
 * Fills `out` with the uniform float32 numbers in [0, 1) that TensorFlow's StatelessRandomUniform
 * gives for an int32 seed: the seed is scrambled by one Philox block under a fixed key, then each
 * block of the stream gives four numbers of 23 random bits.
 *
 * @param seed  two 32-bit integers
 */
export function statelessUniform(seed: ArrayLike<number>, out: Float32Array): void {
  const block = new Int32Array(4);
  const [seed0, seed1] = [seed[0]!, seed[1]!];
  // Seeds are extended to 64 bits with their sign.
  philox(0x3ec8f720, 0x02461e29, seed0, seed0 >> 31, seed1, seed1 >> 31, block);
  const [key0, key1, counter2, counter3] = block as unknown as [number, number, number, number];
  const bits = new Int32Array(1);
  const float = new Float32Array(bits.buffer);
  for (let i = 0; i < out.length; i += 4) {
    philox(key0, key1, i / 4, 0, counter2, counter3, block);
    for (let k = 0; k < 4 && i + k < out.length; k++) {
      // The mantissa of a number in [1, 2).
      bits[0] = 0x3f800000 | (block[k]! & 0x7fffff);
      out[i + k] = float[0]! - 1;
    }
  }
}
