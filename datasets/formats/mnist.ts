/** MNIST in its four IDX files (LeCun et al.), gzipped or not. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { UserError, unreadable } from '../../src/errors.ts';

import { type InMemoryDataset, inMemory } from '../inMemory.ts';

const classNames = 'zero one two three four five six seven eight nine'.split(' ');

/** First word of a file of images: unsigned bytes (8) in three dimensions (3). */
const imagesMagic = 0x00000803;
/** First word of a file of labels: unsigned bytes in one dimension. */
const labelsMagic = 0x00000801;

/** More is taken for damage: EMNIST, the largest data set in this form, has 0.55 GB. */
const maxUnpackedBytes = 2 ** 30;

/** Names of the files by split, without `.gz`. */
const files = {
  train: { images: 'train-images-idx3-ubyte', labels: 'train-labels-idx1-ubyte' },
  test: { images: 't10k-images-idx3-ubyte', labels: 't10k-labels-idx1-ubyte' },
};

/** Splits of MNIST. */
export const mnistSplits = Object.keys(files);

/** Reads DIR/name, or else DIR/name.gz. */
async function readIdx(folder: string, name: string): Promise<{ path: string; bytes: Buffer }> {
  for (const path of [join(folder, name), join(folder, `${name}.gz`)]) {
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw unreadable(path, error);
    }
    if (!path.endsWith('.gz')) return { path, bytes };
    try {
      return { path, bytes: gunzipSync(bytes, { maxOutputLength: maxUnpackedBytes }) };
    } catch (error) {
      const reason = (error as Error).message;
      throw new UserError(
        `${path}: is no intact gzip file (${reason}) of ${bytes.length} bytes; download it again.`,
      );
    }
  }
  throw new UserError(
    `${join(folder, name)}: found neither this file nor ${name}.gz; expected the IDX files of MNIST in --dataset_dir.`,
  );
}

/**
 * Checks a header of big-endian words.
 *
 * @param expected  what each word must be; null for any
 * @returns         the words
 */
function readHeader(
  path: string,
  bytes: Buffer,
  expected: readonly (readonly [what: string, value: number | null])[],
): number[] {
  return expected.map(([what, value], i) => {
    const offset = 4 * i;
    if (bytes.length < offset + 4) {
      throw new UserError(
        `${path}, byte ${bytes.length}: the file ends; expected ${what} at byte ${offset}.`,
      );
    }
    const found = bytes.readUInt32BE(offset);
    if (value !== null && found !== value) {
      throw new UserError(`${path}, byte ${offset}: found ${what} ${found}; expected ${value}.`);
    }
    return found;
  });
}

function checkLength(path: string, bytes: Buffer, expected: number): void {
  if (bytes.length !== expected) {
    throw new UserError(
      `${path}, byte ${Math.min(bytes.length, expected)}: found ${bytes.length} bytes in all; expected ${expected}.`,
    );
  }
}

/**
 * Loads a split of MNIST, held in memory: 784 bytes an item.
 *
 * @param folder  with the IDX files
 * @throws UserError  naming file, byte offset, found and expected, when a file is missing or damaged
 */
export async function loadMnist(folder: string, split: 'train' | 'test'): Promise<InMemoryDataset> {
  const images = await readIdx(folder, files[split].images);
  const [, count, rows, columns] = readHeader(images.path, images.bytes, [
    ['magic number', imagesMagic],
    ['number of images', null],
    ['number of rows', 28],
    ['number of columns', 28],
  ]) as [number, number, number, number];
  checkLength(images.path, images.bytes, 16 + count * rows * columns);
  const labels = await readIdx(folder, files[split].labels);
  readHeader(labels.path, labels.bytes, [
    ['magic number', labelsMagic],
    ['number of labels', count],
  ]);
  checkLength(labels.path, labels.bytes, 8 + count);
  const wrong = labels.bytes.subarray(8).findIndex((label) => label > 9);
  if (wrong >= 0) {
    throw new UserError(
      `${labels.path}, byte ${8 + wrong}: found label ${labels.bytes[8 + wrong]}; expected 0 to 9.`,
    );
  }
  return inMemory({
    name: 'mnist',
    split,
    classNames,
    imageShape: [rows, columns, 1],
    labels: Uint8Array.from(labels.bytes.subarray(8)),
    pixels: images.bytes.subarray(16),
  });
}
