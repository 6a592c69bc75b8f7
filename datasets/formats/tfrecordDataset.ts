/** Data sets in TF-Slim's TFRecords: NAME_SPLIT.tfrecord, or in shards, and labels.txt. */
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { UserError, unreadable } from '../../src/errors.ts';
import { readRecords } from '../../src/files/recordReader.ts';
import { type EncodedSplit, encodedImages } from '../images/encodedImages.ts';
import { decodeExample, type ExampleImage } from './example.ts';
import {
  type FileRecords,
  type FileState,
  fileState,
  readRecordIndex,
  writeRecordIndex,
} from './recordIndex.ts';

/** NAME_SPLIT.tfrecord or NAME_SPLIT_00000-of-00005.tfrecord */
const filePattern = /^(.+?)_([^_]+)(?:_(\d{5})-of-(\d{5}))?\.tfrecord$/;

/** The same, compressed as a whole. */
const compressedPattern = /\.tfrecord\.(gz|zlib|zz|bz2|xz|zst)$/;

/** More classes are taken for damage. */
const maxClasses = 2 ** 18;

/** What takes less than this to check, a fraction of a second, is checked at each start. */
const minIndexedBytes = 64 * 2 ** 20;

/** Checking holds up timers no longer than this, as the one that keeps a lock. */
const longestTurnMs = 50;

/** Name of the file of one shard; of the only one when there is one. */
export function tfrecordFile(name: string, split: string, shard = 0, shards = 1): string {
  if (shards === 1) return `${name}_${split}.tfrecord`;
  const digits = (n: number) => String(n).padStart(5, '0');
  return `${name}_${split}_${digits(shard)}-of-${digits(shards)}.tfrecord`;
}

/**
 * Files of a data set's splits in a folder.
 *
 * @returns  paths by split, the shards in order; empty when there are none
 * @throws UserError  when the folder cannot be read or a shard is missing
 */
export async function findTfrecords(
  folder: string,
  name: string,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, { shards: number; files: string[] }>();
  const entries = await readdir(folder).catch((error: Error) => {
    throw unreadable(folder, error);
  });
  for (const file of entries.sort()) {
    const [, , split, , shards] = filePattern.exec(file) ?? [];
    if (split === undefined || !file.startsWith(`${name}_${split}`)) continue;
    const known = found.get(split) ?? { shards: Number(shards ?? 1), files: [] };
    known.files.push(join(folder, file));
    found.set(split, known);
  }
  const compressed = entries.find(
    (file) => file.startsWith(`${name}_`) && compressedPattern.test(file),
  );
  if (found.size === 0 && compressed !== undefined) {
    throw new UserError(
      `${join(folder, compressed)}: is compressed, as its name says; expected plain TFRecords, which are read in any order. Decompress the file.`,
    );
  }
  for (const [split, { shards, files }] of found) {
    const present = new Set(files);
    for (let shard = 0; shard < shards; shard++) {
      const expected = join(folder, tfrecordFile(name, split, shard, shards));
      if (shards > 1 && !present.has(expected)) {
        throw new UserError(`${expected}: is missing; expected ${shards} files of this split.`);
      }
    }
    if (files.length > shards) {
      const forms = shards === 1 ? 'whole and in shards' : `in ${shards} shards and in others`;
      throw new UserError(`${folder}: holds the split ${split} both ${forms}; remove one of them.`);
    }
  }
  return new Map([...found].map(([split, { files }]) => [split, files]));
}

/** Names that TFRecords have elsewhere: with the ending, or with shards at the end. */
const otherPattern = /\.tfrecords?(-\d{5}-of-\d{5})?$|-\d{5}-of-\d{5}$/;
/** Files that an error lists at most. */
const maxListed = 4;

/**
 * What is said where a folder has no TFRecords of a name: which there are, and what to do with them.
 *
 * @returns  a sentence that begins with a space; nothing where there are none
 */
export async function otherTfrecords(folder: string, name: string): Promise<string> {
  const files = (await readdir(folder)).filter((file) => otherPattern.test(file)).sort();
  if (files.length === 0) return '';
  const names = new Set(files.flatMap((file) => filePattern.exec(file)?.[1] ?? []));
  if (names.size > 0) return ` It holds TFRecords of ${[...names].join(', ')}.`;
  const more = files.length - maxListed;
  const listed = files.slice(0, maxListed).join(', ') + (more > 0 ? ` and ${more} more` : '');
  return ` It holds ${listed}: if these are its TFRecords, rename them as ${tfrecordFile(name, 'train')}, or with shards as ${tfrecordFile(name, 'train', 0, 5)}.`;
}

function recordError(path: string, payloadOffset: number, problem: string): UserError {
  return new UserError(`${path}, byte ${payloadOffset}: the record ${problem}.`);
}

/** @throws UserError  unless the label of a record is one of so many classes */
function expectLabel(path: string, payloadOffset: number, label: number, classes: number): void {
  if (Number.isInteger(label) && label >= 0 && label < classes) return;
  throw recordError(path, payloadOffset, `has label ${label}; expected 0 to ${classes - 1}`);
}

/** Reads and checks every record of a file. @throws UserError naming file and byte of a damaged one */
async function checkFile(
  path: string,
  pause: () => Promise<void> | undefined,
): Promise<FileRecords> {
  const labels: number[] = [];
  const payloadOffsets: number[] = [];
  const imageStarts: number[] = [];
  const imageBytes: number[] = [];
  for (const { payloadOffset, payload } of readRecords(path)) {
    const fail = (problem: string) => recordError(path, payloadOffset, problem);
    let image: ExampleImage;
    try {
      image = decodeExample(payload);
    } catch (error) {
      throw fail((error as Error).message);
    }
    const { encoded, label } = image;
    if (encoded.length === 0) throw fail('has an empty image');
    expectLabel(path, payloadOffset, label, maxClasses);
    labels.push(label);
    payloadOffsets.push(payloadOffset);
    imageStarts.push(encoded.byteOffset - payload.byteOffset);
    imageBytes.push(encoded.length);
    const pending = pause();
    if (pending !== undefined) await pending;
  }
  return {
    labels: Int32Array.from(labels),
    payloadOffsets: Float64Array.from(payloadOffsets),
    imageStarts: Uint32Array.from(imageStarts),
    imageBytes: Uint32Array.from(imageBytes),
  };
}

/** Lets timers and other work have their turn when the last one is a while ago. */
function makePause(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < longestTurnMs) return undefined;
    return setImmediate().then(() => {
      last = performance.now();
    });
  };
}

/** What the files of a split hold: from its index where they are unchanged, else read and checked. */
async function listFiles(
  name: string,
  split: string,
  paths: readonly string[],
): Promise<readonly FileRecords[]> {
  const folder = dirname(paths[0]!);
  const index = readRecordIndex(folder, name, split);
  const pause = makePause();
  const files: (readonly [FileState, FileRecords])[] = [];
  const since = Date.now();
  let checkedBytes = 0;
  for (const path of paths) {
    const state = await fileState(path).catch((error: Error) => {
      throw unreadable(path, error);
    });
    const known = index.get(state.key);
    if (known === undefined) checkedBytes += state.size;
    files.push([state, known ?? (await checkFile(path, pause))]);
  }
  if (checkedBytes >= minIndexedBytes) await writeRecordIndex(folder, name, split, files, since);
  return files.map(([, records]) => records);
}

/**
 * Lists a split in TFRecords. Every record is read and checked once; of a large split that is noted
 * (recordIndex.ts). Items are in the order of the shards and records.
 *
 * @param givenClassNames  by label; null to name classes by their number
 * @throws UserError  naming file and byte of a damaged record
 */
export async function listTfrecords(
  name: string,
  split: string,
  paths: readonly string[],
  givenClassNames: readonly string[] | null,
): Promise<EncodedSplit> {
  const files = await listFiles(name, split, paths);
  const size = files.reduce((sum, { labels }) => sum + labels.length, 0);
  if (size === 0) {
    throw new UserError(`${paths.join(', ')}: found no records; expected at least one.`);
  }
  const labels = new Int32Array(size);
  const file = new Uint32Array(size);
  const offset = new Float64Array(size);
  const length = new Uint32Array(size);
  let item = 0;
  for (const [index, records] of files.entries()) {
    for (const [i, label] of records.labels.entries()) {
      const payloadOffset = records.payloadOffsets[i]!;
      const classes = givenClassNames?.length ?? maxClasses;
      expectLabel(paths[index]!, payloadOffset, label, classes);
      labels[item] = label;
      file[item] = index;
      offset[item] = payloadOffset + records.imageStarts[i]!;
      length[item] = records.imageBytes[i]!;
      item++;
    }
  }
  const numClasses = labels.reduce((most, label) => Math.max(most, label), 0) + 1;
  return {
    name,
    split,
    size,
    classNames: givenClassNames ?? Array.from({ length: numClasses }, (_, label) => `${label}`),
    labels,
    images: encodedImages(paths, { file, offset, length }),
  };
}
