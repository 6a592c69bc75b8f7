/**
 * Reads the tensors of a PyTorch file as torch.save wrote it before version 1.6 (torch/serialization.py, legacy
 * format): pickles one behind the other, and behind them the raw values. Of what such a pickle may name, only
 * what builds tensors is known here; nothing of it is executed.
 */
import { UserError } from '../errors.ts';
import {
  NamedFunction,
  type Pickled,
  type PickledFunction,
  type PickledObject,
  PickleError,
  readPickleAt,
  type Vocabulary,
} from '../files/pickle.ts';
import { shapeText } from '../graph/shape.ts';

/** A tensor of a PyTorch file, in row-major order. */
export interface TorchTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** Types of values that are read, by the name that PyTorch's pickles have for them. */
const storageTypes = {
  FloatStorage: Float32Array,
  LongStorage: BigInt64Array,
} as const;
type StorageType = keyof typeof storageTypes;

/** Values that several tensors may look at; they come behind the pickles. */
interface Storage extends PickledObject {
  readonly kind: 'storage';
  readonly type: StorageType;
  readonly key: string;
  readonly size: number;
}

/** A tensor before its values were read. */
interface Tensor extends PickledObject {
  readonly kind: 'tensor';
  readonly storage: Storage;
  /** Of its first value in the storage. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** The pickled magic number that such a file begins with. */
const magic = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');
const zipMagic = Buffer.from('PK\x03\x04', 'latin1');
/** Of the form of the file, behind the magic number. */
const version = 1001;

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;
const areCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(isCount);
const isOfKind = <T extends PickledObject>(value: unknown, kind: T['kind']): value is T =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;

/** More axes has no tensor of PyTorch's. */
const maxRank = 64;
/** Tensors that share values, as tied weights do, take at most so many times the memory of these. */
const maxSharing = 8;

/** torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks) */
const rebuildTensor: PickledFunction = ([storage, offset, shape, strides]) => {
  if (!isOfKind<Storage>(storage, 'storage') || !isCount(offset)) return undefined;
  if (!Array.isArray(shape) || shape.length > maxRank) return undefined;
  if (!areCounts(shape) || !areCounts(strides) || shape.length !== strides.length) return undefined;
  const last = shape.reduce((sum, n, axis) => sum + (n - 1) * strides[axis]!, offset);
  if (!shape.includes(0) && last >= storage.size) return undefined;
  // One value for many places, as strides of 0 have it: no file of weights does, and it may be any size.
  if (sizeOf(shape) > storage.size) return undefined;
  return { kind: 'tensor', storage, offset, shape, strides } as Tensor;
};

const functions: Readonly<Record<string, PickledFunction | null>> = {
  'collections.OrderedDict': (args) => (args.length === 0 ? new Map() : undefined),
  'torch._utils._rebuild_tensor_v2': rebuildTensor,
  // (data, requires_grad, hooks)
  'torch._utils._rebuild_parameter': ([tensor]) =>
    isOfKind<Tensor>(tensor, 'tensor') ? tensor : undefined,
  ...Object.fromEntries(Object.keys(storageTypes).map((name) => [`torch.${name}`, null])),
};

const vocabulary: Vocabulary = {
  contents: `tensors (${Object.keys(storageTypes).join(', ')}) and plain data`,
  functionOf(module, name) {
    const key = `${module}.${name}`;
    return Object.hasOwn(functions, key) ? functions[key] : undefined;
  },
  // What PyTorch notes of a module beside its tensors is not needed.
  setState: (object) => object instanceof Map,
  ofId(id) {
    if (!Array.isArray(id)) return undefined;
    const [what, type, key, , size, view] = id;
    if (what !== 'storage' || !(type instanceof NamedFunction)) return undefined;
    // A part of another storage, which no file of weights has.
    if (typeof key !== 'string' || !isCount(size) || view !== null) return undefined;
    const name = type.name.slice('torch.'.length);
    return Object.hasOwn(storageTypes, name)
      ? ({ kind: 'storage', type: name, key, size } as Storage)
      : undefined;
  },
};

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** The values of a tensor, row by row. */
function valuesOf(
  { storage, offset, shape, strides }: Tensor,
  values: TorchTensor['data'],
): TorchTensor {
  const size = sizeOf(shape);
  const rowMajor = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const isContiguous = shape.every((n, axis) => n === 1 || strides[axis] === rowMajor[axis]);
  const data = new storageTypes[storage.type](size);
  for (let i = 0; i < size; i++) {
    let from = offset + i;
    if (!isContiguous) {
      from = shape.reduce(
        (sum, n, axis) => sum + (Math.floor(i / rowMajor[axis]!) % n) * strides[axis]!,
        offset,
      );
    }
    data[i] = values[from]!;
  }
  return { shape, data };
}

/** Reads the values of the storages, which lie in the order of their keys. */
function readStorages(
  bytes: Buffer,
  start: number,
  keys: readonly Pickled[],
  tensors: readonly Tensor[],
): { readonly storages: ReadonlyMap<string, TorchTensor['data']>; readonly end: number } {
  const known = new Map(tensors.map(({ storage }) => [storage.key, storage]));
  const storages = new Map<string, TorchTensor['data']>();
  let position = start;
  for (const key of keys) {
    const storage = typeof key === 'string' ? known.get(key) : undefined;
    if (storage === undefined) throw new PickleError('found values of no tensor', position);
    const type = storageTypes[storage.type];
    const end = position + 8 + storage.size * type.BYTES_PER_ELEMENT;
    if (end > bytes.length) {
      throw new PickleError(
        `the file ends; expected ${end - bytes.length} more bytes`,
        bytes.length,
      );
    }
    const size = bytes.readBigInt64LE(position);
    if (size !== BigInt(storage.size)) {
      throw new PickleError(`found ${size} values; expected ${storage.size}`, position);
    }
    // Own memory: typed arrays need their elements aligned.
    storages.set(storage.key, new type(Uint8Array.from(bytes.subarray(position + 8, end)).buffer));
    position = end;
  }
  return { storages, end: position };
}

function readTensors(bytes: Buffer): Map<string, TorchTensor> {
  const pickleAt = (start: number) => readPickleAt(bytes, start, vocabulary);
  const protocol = pickleAt(magic.length);
  if (protocol.value !== version) {
    const found =
      typeof protocol.value === 'number' ? `the version ${protocol.value}` : 'no version';
    throw new PickleError(`found ${found}; expected ${version}`, magic.length);
  }
  const system = pickleAt(protocol.end);
  if (!(system.value instanceof Map) || system.value.get('little_endian') !== true) {
    throw new PickleError('found no little-endian values; expected such', protocol.end);
  }
  const content = pickleAt(system.end);
  const named = content.value instanceof Map ? [...content.value] : [];
  const tensors = named.filter((entry): entry is [string, Tensor] =>
    isOfKind<Tensor>(entry[1], 'tensor'),
  );
  if (tensors.length === 0 || tensors.length < named.length) {
    throw new PickleError('found no dict of tensors by name; expected one', system.end);
  }
  const keys = pickleAt(content.end);
  if (!Array.isArray(keys.value)) throw new PickleError('found no list of keys', content.end);
  const ofNames = tensors.map(([, tensor]) => tensor);
  const values = ofNames.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (values * Float32Array.BYTES_PER_ELEMENT > maxSharing * bytes.length) {
    throw new PickleError(`found tensors of ${values} values that share far fewer`, system.end);
  }
  const { storages, end } = readStorages(bytes, keys.end, keys.value, ofNames);
  if (end !== bytes.length) {
    throw new PickleError(`found ${bytes.length - end} bytes behind the last value`, end);
  }
  return new Map(
    tensors.map(([name, tensor]) => {
      const values = storages.get(tensor.storage.key);
      if (values === undefined) {
        throw new PickleError(`found no values of ${name} ${shapeText(tensor.shape)}`, end);
      }
      return [name, valuesOf(tensor, values)];
    }),
  );
}

/**
 * Reads a state dict: tensors by name.
 *
 * @param path   of the file, for errors
 * @param bytes  its content
 * @throws UserError  with the byte, when it is damaged, is of another form, or holds anything but tensors, such
 *                    as code, which is named
 */
export function readTorchFile(path: string, bytes: Buffer): ReadonlyMap<string, TorchTensor> {
  if (bytes.subarray(0, zipMagic.length).equals(zipMagic)) {
    throw new UserError(
      `${path}: is a zip archive, as PyTorch writes it since version 1.6; expected the form before, of torch.save(…, _use_new_zipfile_serialization=False).`,
    );
  }
  if (!bytes.subarray(0, magic.length).equals(magic)) {
    throw new UserError(`${path}, byte 0: is no file of PyTorch's; expected its magic number.`);
  }
  try {
    return readTensors(bytes);
  } catch (error) {
    if (!(error instanceof PickleError)) throw error;
    throw new UserError(`${path}, byte ${error.offset}: ${error.message}.`);
  }
}
