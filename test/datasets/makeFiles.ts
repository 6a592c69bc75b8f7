/** Makes small files in the forms that data sets have. */
import crc32 from 'crc-32';
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

/** A BMP of 32 bits a pixel with transparency, of version 4. @param pixels  RGBA, row by row */
export function transparentBmp(width: number, height: number, pixels: Uint8Array): Buffer {
  const bytes = Buffer.alloc(122 + pixels.length);
  bytes.write('BM');
  const words = [bytes.length, 0, 122, 108, width, -height, 1 | (32 << 16), 3, pixels.length];
  words.forEach((word, i) => {
    bytes.writeInt32LE(word, 2 + 4 * i);
  });
  // Where red, green, blue and alpha are in a pixel.
  bytes.set([255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 255], 54);
  bytes.write('BGRs', 70);
  bytes.set(pixels, 122);
  return bytes;
}

/**
 * An uncompressed TIFF, little-endian.
 *
 * @param samples  row by row, 8 or 16 bits each: 1 grey, 3 RGB, 4 RGBA, whose colours are multiplied
 *                 by alpha where it is `associated`
 */
export function tiff(
  width: number,
  height: number,
  channels: 1 | 3 | 4,
  samples: Uint8Array | Uint16Array,
  alpha: 'associated' | 'unassociated' = 'unassociated',
): Buffer {
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  const bits = 8 * samples.BYTES_PER_ELEMENT;
  /** Places of the bits of each sample, of the samples, and of the directory. */
  const [bitsAt, dataAt] = [8, 16];
  const directoryAt = dataAt + 2 * Math.ceil(data.length / 2);
  const entries: number[][] = [
    [256, width],
    [257, height],
    [258, channels === 1 ? bits : bitsAt, channels],
    [259, 1],
    [262, channels === 1 ? 1 : 2],
    [273, dataAt],
    [277, channels],
    [278, height],
    [279, data.length],
  ];
  if (channels === 4) entries.push([338, alpha === 'associated' ? 1 : 2]);
  const bytes = Buffer.alloc(directoryAt + 6 + 12 * entries.length);
  bytes.write('II*');
  bytes.writeUInt32LE(directoryAt, 4);
  for (let c = 0; c < 4; c++) bytes.writeUInt16LE(bits, bitsAt + 2 * c);
  bytes.set(data, dataAt);
  bytes.writeUInt16LE(entries.length, directoryAt);
  for (const [i, [tag, value, count = 1]] of entries.entries()) {
    const at = directoryAt + 2 + 12 * i;
    bytes.writeUInt16LE(tag!, at);
    bytes.writeUInt16LE(tag === 258 ? 3 : 4, at + 2);
    bytes.writeUInt32LE(count, at + 4);
    bytes.writeUInt32LE(value!, at + 8);
  }
  return bytes;
}

/** A chunk of a PNG. */
export function pngChunk(name: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length);
  bytes.write(name, 4);
  bytes.set(data, 8);
  bytes.writeInt32BE(crc32.buf(bytes.subarray(4, -4)), 8 + data.length);
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
