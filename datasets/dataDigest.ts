/** Tells data sets apart. */
import { createHash, type Hash } from 'node:crypto';
import { statSync } from 'node:fs';
import { dirname, isAbsolute, sep } from 'node:path';
import type { Dataset } from './dataset.ts';
import type { EncodedImages } from './imageStore.ts';
import { textAt } from './images/encodedImages.ts';

/** Before a digest, its version; the oldest has none, and covers labels alone. */
const prefix = '3:';
/** Files of a folder that are asked for their sizes, by version: 5 µs each, where the disk knows them. */
const sizedFiles: ReadonlyMap<string, number> = new Map([
  ['2:', 256],
  [prefix, 2 ** 17],
]);

function labelsHash({ items, labels }: Dataset): Hash {
  return createHash('sha256').update(items).update(Int32Array.from(labels));
}

/** Bytes of a file; −1 where it cannot be read, which is said when it is wanted. */
function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return -1;
  }
}

/** Images of a file each are told by their paths below the folder that has them all: it may be moved. */
function hashFiles({ files, file }: EncodedImages, maxSized: number, hash: Hash): void {
  // Paths are normalized: a relative one needs no more than a folder before it.
  const start = isAbsolute(textAt(files, file[0]!)) ? '' : process.cwd() + sep;
  const pathOf = (item: number) => start + textAt(files, file[item]!);
  let folder = dirname(pathOf(0));
  for (let item = 0; item < file.length; item++) {
    while (folder !== dirname(folder) && !pathOf(item).startsWith(folder + sep)) {
      folder = dirname(folder);
    }
  }
  for (let item = 0; item < file.length; item++)
    hash.update(`${pathOf(item).slice(folder.length)}\0`);
  const sized = Math.min(file.length, maxSized);
  for (let i = 0; i < sized; i++) {
    hash.update(`${sizeOf(pathOf(Math.floor((i * file.length) / sized)))}\0`);
  }
}

/** Of what the items are, however they are labelled. @param maxSized  files that are asked for their sizes */
function itemsHash(dataset: Dataset, maxSized: number): string {
  const hash = createHash('sha256');
  if (dataset.kind === 'texts') {
    for (const text of dataset.texts) hash.update(`${text.length} ${text}`);
  } else if (dataset.images.kind === 'pixels') {
    hash.update(dataset.images.shape.join(' ')).update(dataset.images.pixels);
  } else {
    const { images } = dataset.images;
    // Where one file has several, what tells them apart is their lengths.
    if (images.length.every((length) => length === 0)) hashFiles(images, maxSized, hash);
    else hash.update(images.length);
  }
  return hash.digest('hex');
}

/** Of the items of each source, by version, which all that relabel it or leave items out share. */
const known = new WeakMap<object, Map<string, string>>();

/** The digest of a version that covers what the items are. */
function digestOfVersion(dataset: Dataset, version: string, maxSized: number): string {
  const source = dataset.kind === 'images' ? dataset.images : dataset.texts;
  const byVersion = known.get(source) ?? new Map<string, string>();
  known.set(source, byVersion);
  const ofItems = byVersion.get(version) ?? itemsHash(dataset, maxSized);
  byVersion.set(version, ofItems);
  return version + labelsHash(dataset).update(`${dataset.split} ${ofItems}`).digest('hex');
}

/**
 * Says which items of which data are used, with which labels: the split's name, the numbers of the
 * items, all labels, and what tells the items apart. That is the path below the folder that has them
 * all of images with a file each, and the sizes of these files, of more than 131,072 those of so many,
 * spread evenly; the bytes of each compressed image of TFRecords; the pixels or texts themselves of
 * what is held in memory. A file that is replaced by one of the same name and size goes unnoticed.
 *
 * @returns  the version of the digest and a SHA-256, hexadecimal
 */
export function digestOf(dataset: Dataset): string {
  return digestOfVersion(dataset, prefix, sizedFiles.get(prefix)!);
}

/** Whether a digest that was recorded, by an older version maybe, is one of these items and labels. */
export function isDigestOf(recorded: string, dataset: Dataset): boolean {
  const version = recorded.slice(0, prefix.length);
  const maxSized = sizedFiles.get(version);
  return maxSized === undefined
    ? recorded === labelsHash(dataset).digest('hex')
    : recorded === digestOfVersion(dataset, version, maxSized);
}
