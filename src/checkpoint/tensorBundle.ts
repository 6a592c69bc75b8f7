/** TensorFlow's checkpoint format V2, the "tensor bundle": PREFIX.index and PREFIX.data-0000i-of-0000n. */
import { open, readFile } from 'node:fs/promises';
import { excerpt, UserError, unreadable } from '../errors.ts';
import { maskedCrc32c } from '../files/crc32c.ts';
import { expectNoPipe } from '../files/expectNoPipes.ts';
import { writeDurably } from '../files/replaceFile.ts';
import type {
  BundleEntryProto,
  DataType,
  TensorShapeProto,
  TensorSliceProto,
} from '../messages.ts';
import { type MessageType, messageType } from '../protos.ts';
import { type Extent, encodeSliceKey } from './sliceKey.ts';
import { decodeTable, encodeTable } from './sortedTable.ts';

/** Values of a tensor in a checkpoint, by their type. */
type CheckpointData = Float32Array | Float64Array | Int32Array | Uint8Array | BigInt64Array;

/** One tensor of a checkpoint. */
export interface CheckpointTensor {
  readonly shape: readonly number[];
  readonly data: CheckpointData;
}

/** Element types that are read and written, by the name in graph.proto. */
const arrayTypes = {
  DT_FLOAT: Float32Array,
  DT_DOUBLE: Float64Array,
  DT_INT32: Int32Array,
  DT_UINT8: Uint8Array,
  DT_INT64: BigInt64Array,
} as const satisfies Partial<Record<DataType, unknown>>;
type DataTypeName = keyof typeof arrayTypes;

const headerType = messageType('tensor_bundle.proto', 'BundleHeaderProto');
const entryType = messageType('tensor_bundle.proto', 'BundleEntryProto');

/** A slice of a partitioned variable with its place in the whole, axis by axis. */
export interface PlacedSlice {
  readonly extents: readonly Extent[];
  readonly part: CheckpointTensor;
}

/** The place of a slice in a tensor of so many axes. */
export function extentsOf({ extent = [] }: TensorSliceProto, rank: number): Extent[] {
  return Array.from({ length: rank }, (_, axis) => {
    const { start = 0, length } = extent[axis] ?? {};
    return { start, length };
  });
}

function dataTypeOf(data: CheckpointData): DataTypeName {
  const names = Object.keys(arrayTypes) as DataTypeName[];
  return names.find((name) => data.constructor === arrayTypes[name])!;
}

function bytesOf(data: CheckpointData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function shardPath(prefix: string, shard: number, shards: number): string {
  const digits = (value: number) => String(value).padStart(5, '0');
  return `${prefix}.data-${digits(shard)}-of-${digits(shards)}`;
}

/** The files that hold a bundle of one shard. */
export function bundleFiles(prefix: string): { readonly data: string; readonly index: string } {
  return { data: shardPath(prefix, 0, 1), index: `${prefix}.index` };
}

/**
 * Writes tensors as a bundle of one shard.
 *
 * @param files    where to; a reader finds them under the names of bundleFiles
 * @param tensors  by name
 */
export async function writeTensorBundle(
  files: { readonly data: string; readonly index: string },
  tensors: ReadonlyMap<string, CheckpointTensor>,
): Promise<void> {
  const entries: [Buffer, Uint8Array][] = [
    [
      Buffer.alloc(0),
      headerType.encode({ num_shards: 1, endianness: 'LITTLE', version: { producer: 1 } }),
    ],
  ];
  const parts: Uint8Array[] = [];
  let offset = 0;
  const byName = [...tensors].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const [name, { shape, data }] of byName) {
    const bytes = bytesOf(data);
    const entry = entryType.encode({
      dtype: dataTypeOf(data),
      shape: { dim: shape.map((size) => ({ size })) },
      offset,
      size: bytes.length,
      crc32c: maskedCrc32c(bytes),
    });
    entries.push([Buffer.from(name), entry]);
    parts.push(bytes);
    offset += bytes.length;
  }
  await writeDurably(files.data, parts);
  await writeDurably(files.index, [encodeTable(entries)]);
}

/** A checkpoint that is open for reading. */
export interface TensorBundle {
  /** Shapes by tensor name. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /**
   * Reads one tensor; the slices of a partitioned variable are put together.
   *
   * @throws UserError  when there is none of this name, its type is not supported or bytes are damaged
   */
  read(name: string): Promise<CheckpointTensor>;
}

async function readIndex(path: string): Promise<Buffer> {
  try {
    await expectNoPipe(path);
    return await readFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/**
 * Makes sure that no two tensors share bytes, as none that TensorFlow writes do: then all of them take no
 * more memory than the files that hold them.
 */
function expectOwnBytes(path: string, entries: readonly BundleEntryProto[]): void {
  const placed = entries
    .map(({ shard_id: shard = 0, offset = 0, size = 0 }) => ({ shard, offset, size }))
    .filter(({ size }) => size !== 0)
    .sort((a, b) => a.shard - b.shard || a.offset - b.offset);
  for (const [i, { shard, offset }] of placed.entries()) {
    const before = placed[i - 1];
    if (before?.shard !== shard || before.offset + before.size <= offset) continue;
    throw new UserError(
      `${path}: two of its tensors share byte ${offset} of shard ${shard}; expected an intact checkpoint.`,
    );
  }
}

/** The sizes that a TensorShapeProto gives. */
export function dimensionsOf(shape: TensorShapeProto | undefined): number[] {
  return (shape?.dim ?? []).map(({ size = 0 }) => size);
}

/**
 * Opens a bundle of any number of shards.
 *
 * @param prefix  such as `DIR/model.ckpt-100`
 * @throws UserError  naming file and byte offset, when the index is missing or damaged
 */
export async function openTensorBundle(prefix: string): Promise<TensorBundle> {
  const path = `${prefix}.index`;
  const table = decodeTable(path, await readIndex(path));
  const decode = <Message>(key: string, type: MessageType<Message>): Message => {
    const bytes = table.get(key);
    if (bytes === undefined) throw new UserError(`${path}: holds no entry "${excerpt(key)}".`);
    try {
      return type.decode(bytes);
    } catch (error) {
      throw new UserError(
        `${path}: the entry "${excerpt(key)}" is damaged (${(error as Error).message}).`,
      );
    }
  };
  const { num_shards: shards = 0, endianness = 'LITTLE' } = decode('', headerType);
  if (endianness !== 'LITTLE') {
    throw new UserError(`${path}: found ${endianness} endian tensors; expected LITTLE.`);
  }

  const readEntry = async (name: string, entry: BundleEntryProto): Promise<CheckpointTensor> => {
    const { dtype = 'DT_INVALID', shard_id: shard = 0, size: entrySize = 0 } = entry;
    const arrayType = arrayTypes[dtype as DataTypeName];
    if (arrayType === undefined) {
      const known = Object.keys(arrayTypes).join(', ');
      throw new UserError(`${path}: "${excerpt(name)}" is ${dtype}; expected one of ${known}.`);
    }
    const shape = dimensionsOf(entry.shape);
    const size = shape.reduce((a, b) => a * b, arrayType.BYTES_PER_ELEMENT);
    if (size !== entrySize) {
      throw new UserError(
        `${path}: "${excerpt(name)}" has ${entrySize} bytes; its shape [${excerpt(String(shape))}] takes ${size}.`,
      );
    }
    const bytes = await readBytes(shardPath(prefix, shard, shards), entry);
    return {
      shape,
      data: new arrayType(bytes.buffer, bytes.byteOffset, size / arrayType.BYTES_PER_ELEMENT),
    };
  };

  const read = async (name: string): Promise<CheckpointTensor> => {
    const entry = decode(name, entryType);
    const slices = entry.slices ?? [];
    if (slices.length === 0) return readEntry(name, entry);
    const shape = dimensionsOf(entry.shape);
    const parts: PlacedSlice[] = [];
    for (const slice of slices) {
      const extents = extentsOf(slice, shape.length);
      const key = encodeSliceKey(name, extents);
      const part = await readEntry(name, decode(key, entryType));
      parts.push({ extents, part });
    }
    return assembleSlices(path, name, shape, parts);
  };

  const keys = [...table.keys()].filter((key) => key !== '');
  const entries = new Map(keys.map((key) => [key, decode(key, entryType)]));
  expectOwnBytes(path, [...entries.values()]);
  const shapes = new Map(
    [...entries]
      .filter(([key]) => !key.startsWith('\0'))
      .map(([key, { shape }]) => [Buffer.from(key, 'latin1').toString(), dimensionsOf(shape)]),
  );
  return {
    shapes,
    read: (name) => {
      if (!shapes.has(name)) throw new UserError(`${prefix}: holds no tensor "${excerpt(name)}".`);
      return read(Buffer.from(name).toString('latin1'));
    },
  };
}

async function readBytes(
  path: string,
  { offset = 0, size = 0, crc32c = 0 }: BundleEntryProto,
): Promise<Uint8Array<ArrayBuffer>> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    await expectNoPipe(path);
    file = await open(path, 'r');
  } catch (error) {
    throw unreadable(path, error);
  }
  // Own memory at offset 0: typed arrays need their elements aligned.
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    const { size: fileSize } = await file.stat();
    if (offset < 0 || size < 0 || offset + size > fileSize) {
      throw new UserError(
        `${path}, byte ${fileSize}: the file ends; expected ${size} bytes from byte ${offset} on.`,
      );
    }
    bytes = new Uint8Array(new ArrayBuffer(size));
    let done = 0;
    while (done < size) {
      const { bytesRead } = await file.read(bytes, done, size - done, offset + done);
      if (bytesRead === 0) {
        throw new UserError(
          `${path}, byte ${offset + done}: the file ends; expected ${size - done} more bytes.`,
        );
      }
      done += bytesRead;
    }
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    await file.close();
  }
  if (maskedCrc32c(bytes) !== crc32c) {
    throw new UserError(
      `${path}, byte ${offset}: the checksum of ${size} bytes does not match; expected an intact checkpoint.`,
    );
  }
  return bytes;
}

/**
 * Copies slices to their places in the whole tensor.
 *
 * @param path  of the checkpoint, for errors
 * @throws UserError  when they do not fill it
 */
export function assembleSlices(
  path: string,
  name: string,
  shape: readonly number[],
  parts: readonly PlacedSlice[],
): CheckpointTensor {
  const total = shape.reduce((a, b) => a * b, 1);
  const covered = parts.reduce((sum, { part }) => sum + part.data.length, 0);
  const fits = parts.every(
    ({ extents, part }) =>
      part.shape.length === shape.length &&
      part.shape.reduce((a, b) => a * b, 1) === part.data.length &&
      extents.every(
        ({ start }, axis) =>
          Number.isSafeInteger(start) &&
          start >= 0 &&
          part.shape[axis]! >= 0 &&
          start + part.shape[axis]! <= shape[axis]!,
      ),
  );
  if (!fits || covered !== total) {
    throw new UserError(
      `${path}: the ${parts.length} slices of "${excerpt(name)}" hold ${covered} elements; expected to fill [${excerpt(String(shape))}].`,
    );
  }
  const first = parts[0]!.part.data;
  const data = new (first.constructor as new (size: number) => CheckpointData)(total);
  for (const { extents, part } of parts) {
    const inner = part.shape;
    const rowLength = inner.at(-1) ?? 1;
    const rows = part.data.length / Math.max(1, rowLength);
    for (let row = 0; row < rows; row++) {
      // The position of the row in the slice, dimension by dimension, gives that in the whole.
      let rest = row;
      let target = extents.at(-1)?.start ?? 0;
      let stride = shape.at(-1) ?? 1;
      for (let axis = inner.length - 2; axis >= 0; axis--) {
        const position = rest % inner[axis]!;
        rest = Math.floor(rest / inner[axis]!);
        target += (extents[axis]!.start + position) * stride;
        stride *= shape[axis]!;
      }
      data.set(part.data.subarray(row * rowLength, (row + 1) * rowLength) as never, target);
    }
  }
  return { shape, data };
}
