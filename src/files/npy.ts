/** Arrays in numpy's file format (NEP 1, version 1.0), which `numpy.load` reads. */
import { endianness } from 'node:os';
import { replaceFileByParts } from './replaceFile.ts';

/** Elements that files here have, by numpy's name. */
export interface NpyTypes {
  readonly int64: BigInt64Array;
  readonly float32: Float32Array;
}

const codes: Readonly<Record<keyof NpyTypes, string>> = { int64: 'i8', float32: 'f4' };
const elementBytes: Readonly<Record<keyof NpyTypes, number>> = { int64: 8, float32: 4 };

/** The data begin at a multiple of so many bytes, so that the file can be mapped into memory. */
const alignmentBytes = 64;
/** Magic string, version and length of the description. */
const prefixBytes = 10;

/** What a file has before its data: of which type and shape they are, row by row, in this machine's byte order. */
function npyHeader(dtype: keyof NpyTypes, shape: readonly number[]): Buffer {
  const order = endianness() === 'LE' ? '<' : '>';
  const sides = shape.map((side) => `${side},`).join(' ');
  const description = `{'descr': '${order}${codes[dtype]}', 'fortran_order': False, 'shape': (${sides}), }`;
  const bytes = alignmentBytes * Math.ceil((prefixBytes + description.length + 1) / alignmentBytes);
  const header = Buffer.alloc(bytes, ' ');
  header.write('\x93NUMPY\x01\x00', 'latin1');
  header.writeUInt16LE(bytes - prefixBytes, 8);
  header.write(description, prefixBytes, 'latin1');
  header.write('\n', bytes - 1);
  return header;
}

/**
 * Replaces a file by an array, part by part: it need not fit into memory.
 *
 * @param parts  the elements in row-major order, in pieces of any length
 * @throws UserError  when it cannot be written; what was there before stays, as with all that `parts` throws
 * @throws Error  when there are more or fewer elements than the shape has
 */
export async function writeNpy<T extends keyof NpyTypes>(
  path: string,
  dtype: T,
  shape: readonly number[],
  parts: Iterable<NpyTypes[T]> | AsyncIterable<NpyTypes[T]>,
): Promise<void> {
  const size = shape.reduce((product, side) => product * side, 1);
  const content = async function* () {
    yield npyHeader(dtype, shape);
    let count = 0;
    for await (const part of parts) {
      count += part.length;
      yield new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    }
    if (count !== size) throw new Error(`${path}: ${count} elements of an array of [${shape}]`);
  };
  await replaceFileByParts(path, content(), size * elementBytes[dtype]);
}
