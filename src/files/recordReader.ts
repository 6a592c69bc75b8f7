/** Reads TFRecord files record by record, each checked. */
import { closeSync, readSync } from 'node:fs';
import { UserError, unreadable } from '../errors.ts';
import { maskedCrc32c } from './crc32c.ts';
import { openRegularFile } from './openRegularFile.ts';
import { recordOverheadBytes } from './tfrecord.ts';

/** One record. */
export interface TfRecord {
  /** First byte of the payload in the file. */
  readonly payloadOffset: number;
  readonly payload: Buffer;
}

/** Bytes before the payload: its length and the checksum of that. */
const headerBytes = 12;
/** A payload is read at once. */
const maxPayloadBytes = 2 ** 30;

/** How TensorFlow compresses records, by the first bytes. */
function compressionOf([first, second]: Buffer): 'gzip' | 'zlib' | null {
  if (first === 0x1f && second === 0x8b) return 'gzip';
  // RFC 1950: deflate, and a check of both bytes.
  const isZlib = (first! & 0x8f) === 8 && (256 * first! + second!) % 31 === 0;
  return isZlib ? 'zlib' : null;
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, '0');
}

/**
 * The records of a TFRecord file in turn.
 *
 * @throws UserError  naming the byte where a record is cut off or a checksum is wrong, or saying that
 *                    the file is compressed
 */
export function* readRecords(path: string): Generator<TfRecord, void, undefined> {
  const { descriptor, bytes: fileBytes } = openRegularFile(path);
  const read = (offset: number, length: number): Buffer => {
    const bytes = Buffer.allocUnsafe(length);
    let bytesRead: number;
    try {
      bytesRead = readSync(descriptor, bytes, 0, length, offset);
    } catch (error) {
      throw unreadable(path, error, { byte: offset });
    }
    if (bytesRead === length) return bytes;
    throw new UserError(`${path}, byte ${offset + bytesRead}: the file ends within a record.`);
  };
  /** Called where the first record is none. */
  const expectPlain = () => {
    const compression = compressionOf(read(0, 2));
    if (compression === null) return;
    throw new UserError(
      `${path}: is compressed (${compression}); expected plain TFRecords, which are read in any order. Decompress the file, or write it without compression.`,
    );
  };
  const check = (offset: number, bytes: Uint8Array, found: number, what: string) => {
    const expected = maskedCrc32c(bytes);
    if (found === expected) return;
    if (offset === 8) expectPlain();
    throw new UserError(
      `${path}, byte ${offset}: found ${what} checksum ${hex(found)}; expected ${hex(expected)}. The file is damaged: make it again.`,
    );
  };
  try {
    for (let offset = 0; offset < fileBytes; ) {
      const header = read(offset, headerBytes);
      check(offset + 8, header.subarray(0, 8), header.readUInt32LE(8), 'length');
      const length = Number(header.readBigUInt64LE());
      const left = fileBytes - offset - recordOverheadBytes;
      if (length > left || length > maxPayloadBytes) {
        throw new UserError(
          `${path}, byte ${offset}: found a record of ${length} bytes; ${left} are left. The file is damaged: make it again.`,
        );
      }
      const body = read(offset + headerBytes, length + 4);
      const payload = body.subarray(0, length);
      const payloadOffset = offset + headerBytes;
      check(payloadOffset + length, payload, body.readUInt32LE(length), 'data');
      yield { payloadOffset, payload };
      offset += length + recordOverheadBytes;
    }
  } finally {
    closeSync(descriptor);
  }
}
