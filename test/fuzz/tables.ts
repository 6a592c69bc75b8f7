/** LevelDB's tables block by block, for tests that put anything into them. */
import { maskedCrc32c } from '../../src/files/crc32c.ts';

/** A block of a table with the trailer that fits it. */
function sealed(block: Uint8Array): Buffer {
  const trailer = Buffer.alloc(5);
  trailer.writeUInt32LE(maskedCrc32c(Buffer.concat([block, Buffer.of(0)])), 1);
  return Buffer.concat([block, trailer]);
}

/** A number as tables have it: seven bits a byte, the lowest first. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** The data block of a table that has one, and the block that says where it is. */
export function blocksOf(table: Buffer): { readonly data: Buffer; readonly index: Buffer } {
  let at = table.length - 48;
  const next = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = table[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  const [metaAt, , indexAt, indexSize] = [next(), next(), next(), next()];
  return {
    data: table.subarray(0, metaAt! - 5),
    index: table.subarray(indexAt, indexAt! + indexSize!),
  };
}

/** A table of two blocks whose checksums are right, whatever they hold. */
export function tableOf({
  data,
  index,
}: {
  readonly data: Buffer;
  readonly index: Buffer;
}): Buffer {
  const footer = Buffer.alloc(48);
  const indexAt = varint(data.length + 5);
  Buffer.concat([varint(0), varint(0), indexAt, varint(index.length)]).copy(footer);
  footer.writeBigUInt64LE(0xdb4775248b80fb57n, 40);
  return Buffer.concat([sealed(data), sealed(index), footer]);
}
