/** TFRecord framing: what event files and TFRecord data sets consist of. */
import { maskedCrc32c } from './crc32c.ts';

/** Bytes of a record in front of its payload, and behind it. */
export const recordHeadBytes = 12;
const recordTailBytes = 4;
/** Bytes of a record beside its payload. */
export const recordOverheadBytes: number = recordHeadBytes + recordTailBytes;

/**
 * Frames one record:
 *
 *   uint64 length · uint32 masked CRC-32C of the length · payload · uint32 masked CRC-32C of the payload
 *
 * all little-endian.
 *
 * @param record  with the payload in its place; what is around it is filled
 * @returns       the record, to be written at once
 */
export function frameRecord(record: Buffer): Buffer {
  const end = record.length - recordTailBytes;
  const payload = record.subarray(recordHeadBytes, end);
  record.writeBigUInt64LE(BigInt(payload.length), 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  record.writeUInt32LE(maskedCrc32c(payload), end);
  return record;
}

/** The same of a payload, which is copied. */
export function encodeRecord(payload: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(payload.length + recordOverheadBytes);
  record.set(payload, recordHeadBytes);
  return frameRecord(record);
}
