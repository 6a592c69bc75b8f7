/** The package types its main module alone. */
declare module 'crc-32/crc32c.js' {
  const crc32c: {
    /** CRC-32C (Castagnoli) of bytes as a signed 32-bit number; `seed` continues an earlier one. */
    buf(bytes: Uint8Array, seed?: number): number;
  };
  export = crc32c;
}
