/** The checksum of TensorFlow's records and checkpoints. */
import crc32cPackage from 'crc-32/crc32c.js';

/** CRC-32C (Castagnoli) of bytes, unsigned. */
function crc32c(bytes: Uint8Array): number {
  return crc32cPackage.buf(bytes) >>> 0;
}

/**
 * The masked CRC-32C, unsigned: rotated right by 15 bits plus a constant, so that the checksum of
 * data which holds checksums stays a good one (tensorflow/core/lib/hash/crc32c.h).
 */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
