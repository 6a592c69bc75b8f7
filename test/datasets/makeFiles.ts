/** Makes small files in the forms that data sets have. */
import { random } from '../../src/random.ts';

/** A BMP of 24 bits a pixel. */
export function bmp(
  width: number,
  height: number,
  [r = 0, g = 0, b = 0]: readonly number[],
): Buffer {
  const rowBytes = Math.ceil((3 * width) / 4) * 4;
  const bytes = Buffer.alloc(54 + rowBytes * height);
  bytes.write('BM');
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(54, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(width, 18);
  bytes.writeInt32LE(height, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) bytes.set([b, g, r], 54 + y * rowBytes + 3 * x);
  }
  return bytes;
}

/** An IDX file of unsigned bytes: as MNIST has its images in three dimensions, its labels in one. */
export function idx(extents: readonly number[], bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * extents.length);
  header.writeUInt32BE(0x800 + extents.length);
  extents.forEach((extent, i) => {
    header.writeUInt32BE(extent, 4 + 4 * i);
  });
  return Buffer.concat([header, bytes]);
}

/** A record of CIFAR-10's binary form: the label and noise that depends on it. */
export function cifarRecord(label: number): Buffer {
  const next = random(label);
  return Buffer.from(
    Uint8Array.from({ length: 3073 }, (_, i) => (i === 0 ? label : Math.floor(256 * next()))),
  );
}

/** Binary records of CIFAR-10 in its Python form, as Python 2 pickled it (protocol 2). */
export function pickledBatch(records: readonly Buffer[]): Buffer {
  const data = Buffer.concat(records.map((record) => record.subarray(1)));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(data.length);
  const minusOne = ['J', 255, 255, 255, 255];
  const parts: (number | string | Buffer)[] = [
    ...[0x80, 2, '}(', 'U', 6, 'labels', ']('],
    ...records.flatMap((record) => ['K', record[0]!]),
    ...['e', 'U', 4, 'data', 'cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n'],
    ...['K', 0, 0x85, 'U', 1, 'b', 0x87, 'R', '(K', 1, 'K', records.length, 'M', 0, 12, 0x86],
    ...['cnumpy\ndtype\n', 'U', 2, 'u1', 'K', 0, 'K', 1, 0x87, 'R', '(K', 3, 'U', 1, '|NNN'],
    ...[...minusOne, ...minusOne, 'K', 0, 'tb', 0x89, 'T', length, data, 'tbu.'],
  ];
  return Buffer.concat(
    parts.map((part) =>
      typeof part === 'number'
        ? Buffer.of(part)
        : typeof part === 'string'
          ? Buffer.from(part, 'latin1')
          : part,
    ),
  );
}
