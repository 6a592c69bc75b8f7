/**
 * Keeps what is noted of TFRecord files, so that the next start need not read and check them again: of
 * each split an index, a TFRecord file itself, in the folder `.losslens` beside the data, or in the
 * user's cache where that cannot be written to.
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { endianness, homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { makeFolder } from '../../src/files/makeFolder.ts';
import { readRecords } from '../../src/files/recordReader.ts';
import { replaceFileByParts } from '../../src/files/replaceFile.ts';
import { encodeRecord } from '../../src/files/tfrecord.ts';

/** The records of one file in their order. */
export interface FileRecords {
  readonly labels: Int32Array;
  /** First byte of each payload in the file. */
  readonly payloadOffsets: Float64Array;
  /** First byte of each compressed image in its payload. */
  readonly imageStarts: Uint32Array;
  /** Bytes of each compressed image. */
  readonly imageBytes: Uint32Array;
}

/** A file as it was found. */
export interface FileState {
  readonly size: number;
  /** When it was written, in nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Another for each path, size and time: under it an index has what the file holds. */
  readonly key: string;
}

/** The first record of an index; another one, as of another version, is ignored. */
const header = `losslens record index 1 ${endianness()}`;
/** Within so many milliseconds a file may be written again without another time of it. */
const clockTickMs = 2000;
/** Bytes of an index for each record. */
const recordBytes = 20;

/** @throws Error  when there is no such file */
export async function fileState(path: string): Promise<FileState> {
  const { size, mtimeNs } = await stat(path, { bigint: true });
  return { size: Number(size), mtimeNs, key: `${resolve(path)} ${size} ${mtimeNs}` };
}

/** Where the index of a split may be, the first choice first. @param folder of its files */
function indexPaths(folder: string, name: string, split: string): string[] {
  const { XDG_CACHE_HOME } = process.env;
  // The XDG specification asks to ignore relative paths.
  const isGiven = XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME);
  const cache = isGiven ? XDG_CACHE_HOME : join(homedir(), '.cache');
  const place = createHash('sha256').update(resolve(folder)).digest('hex').slice(0, 16);
  return [join(folder, '.losslens'), join(cache, 'losslens', 'records', place)].map((parent) =>
    join(parent, `${name}_${split}.index`),
  );
}

function encodeRecords(records: FileRecords): Buffer {
  const { payloadOffsets, labels, imageStarts, imageBytes } = records;
  return Buffer.concat(
    [payloadOffsets, labels, imageStarts, imageBytes].map(
      ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
    ),
  );
}

/** @throws Error  when it is none, as of an index that others wrote, or an image lies outside of the file */
function decodeRecords(payload: Buffer, fileBytes: number): FileRecords {
  const count = payload.length / recordBytes;
  // A copy, as a payload may lie at any byte.
  const { buffer } = Uint8Array.from(payload);
  const payloadOffsets = new Float64Array(buffer, 0, count);
  const labels = new Int32Array(buffer, 8 * count, count);
  const imageStarts = new Uint32Array(buffer, 12 * count, count);
  const imageBytes = new Uint32Array(buffer, 16 * count, count);
  const areInFile = payloadOffsets.every(
    (offset, i) =>
      Number.isSafeInteger(offset) &&
      offset >= 0 &&
      imageBytes[i]! > 0 &&
      offset + imageStarts[i]! + imageBytes[i]! <= fileBytes,
  );
  if (!areInFile) throw new Error('an image lies outside of its file');
  return { payloadOffsets, labels, imageStarts, imageBytes };
}

/** The size that the key of a file's state has. */
function fileBytesOf(key: string): number {
  return Number(key.split(' ').at(-2));
}

/**
 * What is noted of the files of a split, by the key of their state.
 *
 * @returns  nothing where there is no index, or none that is intact
 */
export function readRecordIndex(
  folder: string,
  name: string,
  split: string,
): ReadonlyMap<string, FileRecords> {
  const index = new Map<string, FileRecords>();
  for (const path of indexPaths(folder, name, split)) {
    try {
      const [first, ...rest] = Array.from(readRecords(path), ({ payload }) => payload);
      if (first?.toString() !== header) continue;
      for (let i = 0; i < rest.length; i += 2) {
        const key = rest[i]!.toString();
        index.set(key, decodeRecords(rest[i + 1]!, fileBytesOf(key)));
      }
    } catch {
      // Missing or damaged: the data files themselves say all that it does.
    }
  }
  return index;
}

/**
 * Notes what the files of a split hold. Where no folder can be written to, nothing is kept.
 *
 * @param since  when the first of them was looked at, in milliseconds since 1970: what was written just
 *               before is left out, as it could have changed since and look the same
 */
export async function writeRecordIndex(
  folder: string,
  name: string,
  split: string,
  files: readonly (readonly [FileState, FileRecords])[],
  since: number,
): Promise<void> {
  const latest = BigInt(since - clockTickMs) * 1_000_000n;
  const settled = files.filter(([{ mtimeNs }]) => mtimeNs < latest);
  if (settled.length === 0) return;
  const parts = function* () {
    yield encodeRecord(Buffer.from(header));
    for (const [{ key }, records] of settled) {
      yield encodeRecord(Buffer.from(key));
      yield encodeRecord(encodeRecords(records));
    }
  };
  for (const path of indexPaths(folder, name, split)) {
    try {
      await makeFolder(dirname(path));
      await replaceFileByParts(path, parts());
      return;
    } catch {
      // Not to have it costs time and nothing else.
    }
  }
}
