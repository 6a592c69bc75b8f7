/** TFRecord framing: what event files and TFRecord data sets consist of. */
import { maskedCrc32c } from './crc32c.ts';

/** Bytes of a record beside its payload. */
export const recordOverheadBytes = 16;

/**
 * Frames one record:
 *
 *   uint64 length · uint32 masked CRC-32C of the length · payload · uint32 masked CRC-32C of the payload
 *
 * all little-endian.
 *
 * @returns  the whole record, to be written at once
 */
export function encodeRecord(payload: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(payload.length + recordOverheadBytes);
  record.writeBigUInt64LE(BigInt(payload.length), 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  record.set(payload, 12);
  record.writeUInt32LE(maskedCrc32c(payload), 12 + payload.length);
  return record;
}
