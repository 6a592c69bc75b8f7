/** Pickles of plain data and numpy arrays, as data sets have them. */
import {
  type Pickled,
  type PickledFunction,
  type PickledObject,
  readPickleAt,
  text,
  type Vocabulary,
} from '../../src/files/pickle.ts';

/** A numpy array. */
export interface NumpyArray extends PickledObject {
  readonly kind: 'array';
  shape: readonly number[];
  /** As numpy spells it, such as 'u1' for bytes. */
  dtype: string;
  fortranOrder: boolean;
  data: Buffer;
}

interface DataType extends PickledObject {
  readonly kind: 'dtype';
  readonly dtype: string;
}

const dataType = (dtype: string): DataType => ({ kind: 'dtype', dtype });

type Argument = Pickled | undefined;

/** Of numpy's arrays. */
const maxRank = 64;

function isDataType(value: Argument): value is DataType {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'dtype';
}

/** Whether a value is a numpy array. */
export function isArray(value: Argument): value is NumpyArray {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'array';
}

function array(
  shape: Argument,
  dtype: Argument,
  fortranOrder: boolean,
  data: Argument,
): NumpyArray | undefined {
  if (!Array.isArray(shape) || shape.length > maxRank) return undefined;
  if (!shape.every((n) => typeof n === 'number')) return undefined;
  if (!isDataType(dtype) || !Buffer.isBuffer(data)) return undefined;
  return { kind: 'array', shape, dtype: dtype.dtype, fortranOrder, data };
}

/** Modules of numpy by the names that its versions gave them. */
const numpyModule = /^numpy(\.(_core|core)\.(multiarray|numeric))?$/;

const ofNumpy: Readonly<Record<string, PickledFunction | null>> = {
  // Its content comes with its state.
  _reconstruct: () => array([], dataType(''), false, Buffer.alloc(0)),
  dtype: ([dtype]) =>
    typeof dtype === 'string' || Buffer.isBuffer(dtype) ? dataType(text(dtype)) : undefined,
  _frombuffer: ([data, dtype, shape, order]) => array(shape, dtype, order === 'F', data),
  // numpy names the class of the array when it makes an empty one.
  ndarray: null,
};

const ofPython: Readonly<Record<string, PickledFunction>> = {
  // Python 3 writes bytes this way in the protocols of Python 2.
  '_codecs.encode': ([value, encoding]) =>
    typeof value === 'string' && encoding === 'latin1' ? Buffer.from(value, 'latin1') : undefined,
  '__builtin__.bytes': (args) => (args.length === 0 ? Buffer.alloc(0) : undefined),
  'builtins.bytes': (args) => (args.length === 0 ? Buffer.alloc(0) : undefined),
};

const vocabulary: Vocabulary = {
  contents: 'data and numpy arrays',
  functionOf(module, name) {
    const [known, key] = numpyModule.test(module)
      ? [ofNumpy, name]
      : [ofPython, `${module}.${name}`];
    return Object.hasOwn(known, key) ? known[key] : undefined;
  },
  setState(object, state) {
    if (isDataType(object)) return true;
    if (!isArray(object) || !Array.isArray(state)) return false;
    // (version, shape, dtype, order, bytes)
    const built = array(state[1], state[2], state[3] === true, state[4]);
    if (built !== undefined) Object.assign(object, built);
    return built !== undefined;
  },
};

/**
 * Reads a pickle of plain data and numpy arrays.
 *
 * @returns  its content; bytes and arrays are views of `bytes`
 * @throws PickleError  when it is damaged, or names a function beside those of numpy's arrays
 */
export function readNumpyPickle(bytes: Buffer): Pickled {
  return readPickleAt(bytes, 0, vocabulary).value;
}
