/** Numbers of half precision (IEEE 754 binary16): 11 significant bits, up to 65,504. */

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);
/** The largest that there is, as a float32 has it. */
const largest = 65504;

/** The nearest number of half precision, ties to even; one beyond the largest becomes the largest. */
export function toFloat16(value: number): number {
  float[0] = value;
  const sign = (bits[0]! >>> 16) & 0x8000;
  if (Number.isNaN(value)) return sign | 0x7e00;
  const magnitude = Math.min(Math.abs(float[0]!), largest);
  // Below the smallest normal number, 2^−14, all are multiples of 2^−24; twice the smallest has the same spacing.
  if (magnitude < 2 ** -14) return sign | roundHalfEven(magnitude * 2 ** 24);
  float[0] = magnitude;
  const rounded = bits[0]! + 0xfff + ((bits[0]! >>> 13) & 1);
  return sign | ((rounded >>> 13) - (112 << 10));
}

function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below + (below % 2);
}

let table: Float32Array | undefined;

/** All numbers of half precision, by their bits: float32 [65536]. */
export function float16Values(): Float32Array {
  table ??= Float32Array.from({ length: 1 << 16 }, (_, half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  return table;
}
