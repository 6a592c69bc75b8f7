/** The keys under which a checkpoint holds the slices of a partitioned variable. */

/** One dimension of a slice. */
export interface Extent {
  readonly start: number;
  /** Elements; undefined for the whole dimension. */
  readonly length: number | undefined;
}

/** A number ≥ 0: one byte for its length, then its bytes, most significant first. */
function orderedNumber(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [bytes.length, ...bytes];
}

/** Bytes 0 and 255 are escaped; 0 1 ends the string. */
function orderedString(text: string): number[] {
  const bytes = [...Buffer.from(text)].flatMap((byte) =>
    byte === 0 ? [0, 255] : byte === 255 ? [255, 0] : [byte],
  );
  return [...bytes, 0, 1];
}

/** A signed number: n bytes of which the first n bits, beginning with the sign, tell n. */
function orderedSignedNumber(value: number): number[] {
  let big = BigInt(value);
  const magnitude = big < 0n ? -big - 1n : big;
  const bits = magnitude === 0n ? 0 : magnitude.toString(2).length;
  const length = Math.floor(bits / 7) + 1;
  const bytes: number[] = [];
  for (let i = 0; i < length; i++, big >>= 8n) bytes.unshift(Number(big & 255n));
  const header =
    (((0xff00 >> length) & 0xff) << 8) | (length > 8 ? (0xff00 >> (length - 8)) & 0xff : 0);
  bytes[0] = bytes[0]! ^ (header >> 8);
  if (length > 1) bytes[1] = bytes[1]! ^ (header & 255);
  return bytes;
}

/**
 * The key of one slice (tensorflow/core/util/saved_tensor_slice_util.cc, EncodeTensorNameSlice, in
 * the ordered code of core/lib/strings/ordered_code.cc).
 *
 * @returns  its bytes as a latin1 string
 */
export function encodeSliceKey(name: string, extents: readonly Extent[]): string {
  const bytes = [
    ...orderedNumber(0),
    ...orderedString(name),
    ...orderedNumber(extents.length),
    ...extents.flatMap(({ start, length }) => [
      ...orderedSignedNumber(length === undefined ? 0 : start),
      ...orderedSignedNumber(length ?? -1),
    ]),
  ];
  return Buffer.from(bytes).toString('latin1');
}
