/** The sorted table that a checkpoint's index is: LevelDB's table format without compression. */

import { UserError } from '../errors.ts';
import { maskedCrc32c } from '../files/crc32c.ts';

/** Last eight bytes of a table file. */
const magic = 0xdb4775248b80fb57n;
const footerBytes = 48;
/** After each block: one byte for the compression, four for the checksum. */
const trailerBytes = 5;
/** Keys between two that are stored in full. */
const restartInterval = 16;
/**
 * Bytes of all keys at most, for each byte of the file: as many keys repeat a prefix that is stored once.
 * In a table of TensorFlow's, whose interval is the same, they cannot take more.
 */
const maxKeyExpansion = restartInterval;

type Entry = readonly [key: Buffer, value: Uint8Array];

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function sharedPrefixLength(a: Buffer, b: Buffer): number {
  let shared = 0;
  while (shared < a.length && shared < b.length && a[shared] === b[shared]) shared++;
  return shared;
}

/** Entries with the prefixes of their keys left out, and the offsets of those that have them. */
function encodeBlock(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = [];
  const restarts: number[] = [];
  let length = 0;
  let previous: Buffer = Buffer.alloc(0);
  entries.forEach(([key, value], i) => {
    const isRestart = i % restartInterval === 0;
    if (isRestart) restarts.push(length);
    const shared = isRestart ? 0 : sharedPrefixLength(previous, key);
    const part = Buffer.concat([
      varint(shared),
      varint(key.length - shared),
      varint(value.length),
      key.subarray(shared),
      value,
    ]);
    parts.push(part);
    length += part.length;
    previous = key;
  });
  if (restarts.length === 0) restarts.push(0);
  const tail = Buffer.alloc(4 * (restarts.length + 1));
  [...restarts, restarts.length].forEach((value, i) => {
    tail.writeUInt32LE(value, 4 * i);
  });
  return Buffer.concat([...parts, tail]);
}

/**
 * Encodes a table as one data block.
 *
 * @param entries  keys and values; keys are compared as bytes
 */
export function encodeTable(entries: Iterable<Entry>): Buffer {
  const sorted = [...entries].sort(([a], [b]) => Buffer.compare(a, b));
  const parts: Buffer[] = [];
  let offset = 0;
  const addBlock = (block: Buffer): Buffer => {
    const trailer = Buffer.alloc(trailerBytes);
    trailer.writeUInt32LE(maskedCrc32c(Buffer.concat([block, trailer.subarray(0, 1)])), 1);
    parts.push(block, trailer);
    const handle = Buffer.concat([varint(offset), varint(block.length)]);
    offset += block.length + trailerBytes;
    return handle;
  };
  const data = addBlock(encodeBlock(sorted));
  const meta = addBlock(encodeBlock([]));
  const lastKey = sorted.at(-1)?.[0] ?? Buffer.alloc(0);
  const index = addBlock(encodeBlock([[lastKey, data]]));
  const footer = Buffer.alloc(footerBytes);
  Buffer.concat([meta, index]).copy(footer);
  footer.writeBigUInt64LE(magic, footerBytes - 8);
  return Buffer.concat([...parts, footer]);
}

/** Reads numbers and bytes of a block, and says where it breaks off. */
class Reader {
  readonly #bytes: Buffer;
  readonly #fail: (offset: number, what: string) => never;
  offset: number;

  constructor(bytes: Buffer, offset: number, fail: (offset: number, what: string) => never) {
    this.#bytes = bytes;
    this.#fail = fail;
    this.offset = offset;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 53; scale *= 0x80) {
      const byte = this.#bytes[this.offset++];
      if (byte === undefined) this.#fail(this.offset - 1, 'the end of the block in a number');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return this.#fail(this.offset, 'a number that is too large');
  }

  bytes(length: number): Buffer {
    const end = this.offset + length;
    if (end > this.#bytes.length) this.#fail(this.offset, 'the end of the block in an entry');
    const bytes = this.#bytes.subarray(this.offset, end);
    this.offset = end;
    return bytes;
  }
}

/**
 * Decodes a table.
 *
 * @param path   named in errors
 * @param bytes  the whole file
 * @returns      values by key; keys as latin1 strings, so that any bytes can be looked up
 * @throws UserError  naming path and byte offset, when the table is damaged
 */
export function decodeTable(path: string, bytes: Buffer): Map<string, Buffer> {
  const failAt = (base: number) => (offset: number, what: string) => {
    throw new UserError(
      `${path}, byte ${base + offset}: found ${what}; expected an intact checkpoint index.`,
    );
  };
  const fail = failAt(0);
  let keyBytes = 0;
  if (bytes.length < footerBytes) fail(bytes.length, 'the end of the file');
  const footerOffset = bytes.length - footerBytes;
  if (bytes.readBigUInt64LE(bytes.length - 8) !== magic) {
    fail(bytes.length - 8, 'no magic number of a table');
  }

  const readBlock = (handle: Reader): Entry[] => {
    const offset = handle.varint();
    const size = handle.varint();
    if (offset + size + trailerBytes > footerOffset || size < 4) {
      fail(offset, `a block of ${size} bytes that does not fit`);
    }
    const end = offset + size;
    if (maskedCrc32c(bytes.subarray(offset, end + 1)) !== bytes.readUInt32LE(end + 1)) {
      fail(offset, 'a block whose checksum does not match');
    }
    if (bytes[end] !== 0) fail(end, `compression ${bytes[end]} (only none, 0, is supported)`);
    const block = bytes.subarray(offset, end);
    const entriesEnd = size - 4 * (1 + block.readUInt32LE(size - 4));
    if (entriesEnd < 0) fail(end - 4, 'more restarts than bytes');
    const reader = new Reader(block.subarray(0, entriesEnd), 0, failAt(offset));
    const entries: Entry[] = [];
    let key: Buffer = Buffer.alloc(0);
    while (reader.offset < entriesEnd) {
      const shared = reader.varint();
      const unshared = reader.varint();
      const valueLength = reader.varint();
      if (shared > key.length) fail(offset + reader.offset, 'a prefix longer than the last key');
      keyBytes += shared + unshared;
      if (keyBytes > maxKeyExpansion * bytes.length) {
        fail(offset + reader.offset, 'keys that take far more room than the file');
      }
      key = Buffer.concat([key.subarray(0, shared), reader.bytes(unshared)]);
      entries.push([key, reader.bytes(valueLength)]);
    }
    return entries;
  };

  const footer = new Reader(bytes.subarray(footerOffset), 0, failAt(footerOffset));
  footer.varint();
  footer.varint();
  const table = new Map<string, Buffer>();
  let previous: Buffer | undefined;
  for (const [, handle] of readBlock(footer)) {
    for (const [key, value] of readBlock(new Reader(Buffer.from(handle), 0, fail))) {
      // A block that is named again and again would be read as often.
      if (previous !== undefined && Buffer.compare(previous, key) >= 0) {
        fail(footerOffset, 'keys that do not ascend');
      }
      previous = key;
      table.set(key.toString('latin1'), Buffer.from(value));
    }
  }
  return table;
}
