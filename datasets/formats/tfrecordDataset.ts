/** Data sets in TF-Slim's TFRecords: NAME_SPLIT.tfrecord, or in shards, and labels.txt. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../src/errors.ts';
import { readRecords } from '../../src/files/recordReader.ts';
import { type EncodedSplit, encodedImages } from '../images/encodedImages.ts';
import { decodeExample, type ExampleImage } from './example.ts';

/** NAME_SPLIT.tfrecord or NAME_SPLIT_00000-of-00005.tfrecord */
const filePattern = /^(.+?)_([^_]+)(?:_(\d{5})-of-(\d{5}))?\.tfrecord$/;

/** The same, compressed as a whole. */
const compressedPattern = /\.tfrecord\.(gz|zlib|zz|bz2|xz|zst)$/;

/** More classes are taken for damage. */
const maxClasses = 2 ** 20;

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
    throw new UserError(`${folder}: cannot be read as a folder (${error.message}).`);
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
    for (let shard = 0; shard < shards; shard++) {
      const expected = join(folder, tfrecordFile(name, split, shard, shards));
      if (shards > 1 && !files.includes(expected)) {
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

/**
 * Lists a split in TFRecords: reads and checks every record once. Items are in the order of the
 * shards and records.
 *
 * @param givenClassNames  by label; null to name classes by their number
 * @throws UserError  naming file and byte of a damaged record
 */
export function listTfrecords(
  name: string,
  split: string,
  paths: readonly string[],
  givenClassNames: readonly string[] | null,
): EncodedSplit {
  const labels: number[] = [];
  const file: number[] = [];
  const offset: number[] = [];
  const length: number[] = [];
  for (const [index, path] of paths.entries()) {
    for (const { payloadOffset, payload } of readRecords(path)) {
      const fail = (problem: string): never => {
        throw new UserError(`${path}, byte ${payloadOffset}: the record ${problem}.`);
      };
      let image: ExampleImage;
      try {
        image = decodeExample(payload);
      } catch (error) {
        return fail((error as Error).message);
      }
      const { encoded, label } = image;
      const classes = givenClassNames?.length ?? maxClasses;
      if (!Number.isInteger(label) || label < 0 || label >= classes) {
        fail(`has label ${label}; expected 0 to ${classes - 1}`);
      }
      labels.push(label);
      file.push(index);
      offset.push(payloadOffset + encoded.byteOffset - payload.byteOffset);
      if (encoded.length === 0) fail('has an empty image');
      length.push(encoded.length);
    }
  }
  if (labels.length === 0) {
    throw new UserError(`${paths.join(', ')}: found no records; expected at least one.`);
  }
  const numClasses = labels.reduce((most, label) => Math.max(most, label), 0) + 1;
  return {
    name,
    split,
    size: labels.length,
    classNames: givenClassNames ?? Array.from({ length: numClasses }, (_, label) => `${label}`),
    labels: Int32Array.from(labels),
    images: encodedImages(paths, { file, offset, length }),
  };
}
