/** CIFAR-10 (Krizhevsky 2009) in its binary form and in its form for Python. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { excerpt, UserError, unreadable } from '../../src/errors.ts';
import { type Pickled, PickleError } from '../../src/files/pickle.ts';
import { type InMemoryDataset, inMemory } from '../inMemory.ts';
import { isArray, readNumpyPickle } from './numpyPickle.ts';

const classNames = 'airplane automobile bird cat deer dog frog horse ship truck'.split(' ');

const side = 32;
/** Of an image: a plane of 1,024 samples for each of red, green and blue. */
const planeBytes = side * side;
const imageBytes = 3 * planeBytes;

/** Names of the files by split, without `.bin`. */
const batches = {
  train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}`),
  test: ['test_batch'],
};

/** Splits of CIFAR-10. */
export const cifar10Splits = Object.keys(batches);

/** The content of one file. */
interface Batch {
  readonly labels: readonly number[] | Uint8Array;
  /** The planes of one image, [channel, row, column], as a view. */
  readonly planes: (index: number) => Uint8Array;
}

/** A form that the files can have. */
interface Form {
  /** In which the archive of this form puts its files. */
  readonly folder: string;
  readonly suffix: string;
  readonly read: (path: string, bytes: Buffer) => Batch;
}

function checkLabel(path: string, label: unknown, where: string): number {
  if (typeof label === 'number' && Number.isInteger(label) && label >= 0 && label <= 9)
    return label;
  const found = typeof label === 'number' ? label : typeof label;
  throw new UserError(`${path}, ${where}: found label ${found}; expected 0 to 9.`);
}

/** Records of a label and three planes. */
function readBinary(path: string, bytes: Buffer): Batch {
  const recordBytes = 1 + imageBytes;
  const count = Math.floor(bytes.length / recordBytes);
  if (bytes.length === 0 || bytes.length % recordBytes !== 0) {
    throw new UserError(
      `${path}, byte ${count * recordBytes}: found ${bytes.length} bytes in all; expected records of ${recordBytes} bytes.`,
    );
  }
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const offset = i * recordBytes;
    labels[i] = checkLabel(path, bytes[offset], `byte ${offset}`);
  }
  return { labels, planes: (i) => bytes.subarray(i * recordBytes + 1, (i + 1) * recordBytes) };
}

/** A pickled dict with the list `labels` and the array `data` of a row for each image. */
function readPython(path: string, bytes: Buffer): Batch {
  let content: Pickled;
  try {
    content = readNumpyPickle(bytes);
  } catch (error) {
    if (!(error instanceof PickleError)) throw error;
    throw new UserError(`${path}, byte ${error.offset}: ${error.message}.`);
  }
  const dict = content instanceof Map ? content : new Map<string, Pickled>();
  const labels = dict.get('labels');
  const data = dict.get('data');
  if (!Array.isArray(labels) || !isArray(data)) {
    throw new UserError(
      `${path}: found a pickle without "labels" and "data"; expected a batch of CIFAR-10.`,
    );
  }
  const expected = [labels.length, imageBytes];
  const isOfShape = data.shape.join() === expected.join() && !data.fortranOrder;
  if (!isOfShape || data.dtype !== 'u1' || data.data.length !== labels.length * imageBytes) {
    throw new UserError(
      `${path}: found data of shape [${excerpt(String(data.shape))}] and type ${excerpt(data.dtype)} in ${data.data.length} bytes; expected [${expected}] of u1, row by row.`,
    );
  }
  return {
    labels: labels.map((label, i) => checkLabel(path, label, `item ${i}`)),
    planes: (i) => data.data.subarray(i * imageBytes, (i + 1) * imageBytes),
  };
}

const forms: readonly Form[] = [
  { folder: 'cifar-10-batches-bin', suffix: '.bin', read: readBinary },
  { folder: 'cifar-10-batches-py', suffix: '', read: readPython },
];

/** Finds the files of a split. @returns their paths and the form that they have */
async function findBatches(
  folder: string,
  split: 'train' | 'test',
): Promise<{ form: Form; paths: string[] }> {
  for (const form of forms) {
    for (const candidate of [folder, join(folder, form.folder)]) {
      const paths = batches[split].map((name) => join(candidate, name + form.suffix));
      const isThere = await stat(paths[0]!).then(
        (found) => found.isFile(),
        () => false,
      );
      if (isThere) return { form, paths };
    }
  }
  const [first] = batches[split];
  const tried = forms.map((form) => `${first}${form.suffix} or ${form.folder}/`).join(', ');
  throw new UserError(
    `${folder}: found no CIFAR-10 (${tried}); expected its binary or Python form in --dataset_dir.`,
  );
}

/** Samples of planes put pixel by pixel: [channel, row, column] → [row, column, channel]. */
function interleave(planes: Uint8Array, pixels: Uint8Array): void {
  for (let i = 0; i < planeBytes; i++) {
    pixels[3 * i] = planes[i]!;
    pixels[3 * i + 1] = planes[i + planeBytes]!;
    pixels[3 * i + 2] = planes[i + 2 * planeBytes]!;
  }
}

/**
 * Loads a split of CIFAR-10, held in memory: 3,072 bytes an item. Items are in the order of the
 * files; both forms have the same.
 *
 * @param folder  with the files of either form, or with the folder that their archive makes
 * @throws UserError  naming file, byte offset, found and expected, when a file is missing or damaged
 */
export async function loadCifar10(
  folder: string,
  split: 'train' | 'test',
): Promise<InMemoryDataset> {
  const { form, paths } = await findBatches(folder, split);
  const read: Batch[] = [];
  for (const path of paths) {
    const bytes = await readFile(path).catch((error: Error) => {
      throw unreadable(path, error);
    });
    read.push(form.read(path, bytes));
  }
  const labels = Uint8Array.from(read.flatMap((batch) => [...batch.labels]));
  const pixels = new Uint8Array(new SharedArrayBuffer(labels.length * imageBytes));
  let item = 0;
  for (const batch of read) {
    for (let i = 0; i < batch.labels.length; i++, item++) {
      interleave(batch.planes(i), pixels.subarray(item * imageBytes, (item + 1) * imageBytes));
    }
  }
  return inMemory({
    name: 'cifar10',
    split,
    classNames,
    imageShape: [side, side, 3],
    labels,
    pixels,
  });
}
