/** Downloads the data sets that others publish. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Cleanup } from '../../src/cleanup.ts';
import { downloadFile, isComplete } from '../../src/files/downloadFile.ts';
import { lockFolder } from '../../src/files/folderLock.ts';
import { partialOf, removeLeftovers } from '../../src/files/replaceFolder.ts';
import { unpackFiles } from '../../src/files/unpackFiles.ts';
import type { DownloadName } from './downloadName.ts';

/** A file as its makers published it. */
interface PublishedFile {
  readonly bytes: number;
  /** In hexadecimal digits. */
  readonly md5: string;
}

/** A published data set. */
interface Publication {
  /** Folders that have the files: that of its makers, then mirrors. */
  readonly bases: readonly string[];
  readonly files: Readonly<Record<string, PublishedFile>>;
  /** What an archive has to hold; only this is unpacked, into a folder of this name. */
  readonly unpacked?: { readonly folder: string; readonly files: readonly string[] };
}

const publications: Readonly<Record<DownloadName, Publication>> = {
  mnist: {
    bases: [
      'http://yann.lecun.com/exdb/mnist/',
      'https://storage.googleapis.com/cvdf-datasets/mnist/',
      'https://ossci-datasets.s3.amazonaws.com/mnist/',
    ],
    files: {
      'train-images-idx3-ubyte.gz': { bytes: 9_912_422, md5: 'f68b3c2dcbeaaa9fbdd348bbdeb94873' },
      'train-labels-idx1-ubyte.gz': { bytes: 28_881, md5: 'd53e105ee54ea40749a09fcbcd1e9432' },
      't10k-images-idx3-ubyte.gz': { bytes: 1_648_877, md5: '9fb629c4189551a2d022fa330f9573f3' },
      't10k-labels-idx1-ubyte.gz': { bytes: 4_542, md5: 'ec29112dd5afa0611ce80d1b7f02629c' },
    },
  },
  cifar10: {
    bases: [
      'https://www.cs.toronto.edu/~kriz/',
      'https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/',
    ],
    files: {
      'cifar-10-binary.tar.gz': { bytes: 170_052_171, md5: 'c32a1d4ab5d03f1284b67883e8d87530' },
    },
    unpacked: {
      folder: 'cifar-10-batches-bin',
      files: [
        ...[1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
        'test_batch.bin',
        'batches.meta.txt',
      ],
    },
  },
};

/** How a data set is downloaded. */
export interface DownloadDatasetOptions {
  readonly folder: string;
  /** Replaces the addresses: a folder of a server that has the files under their names. */
  readonly baseUrl: string | undefined;
  readonly timeoutMs: number;
  /** Ends it; what has come stays, to go on with. */
  readonly signal?: AbortSignal;
  /** Is told of the bytes of a file that are there. */
  readonly onProgress?: (file: string, bytes: number, ofBytes: number) => void;
  /** Replaces what files are expected; for tests. */
  readonly files?: Readonly<Record<string, PublishedFile>>;
}

/** Unpacks the wanted files of an archive into a folder of their own, which appears as a whole. */
async function unpack(
  archive: string,
  folder: string,
  { folder: name, files }: NonNullable<Publication['unpacked']>,
): Promise<void> {
  const temporary = partialOf(join(folder, name));
  await removeLeftovers(folder, name);
  try {
    await mkdir(temporary);
    const paths = files.map((file) => `${name}/${file}`);
    await unpackFiles(archive, temporary, paths);
    await rename(join(temporary, name), join(folder, name));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Names of the files that a folder lacks, or has otherwise. */
async function missingOf(folder: string, files: Publication['files']): Promise<string[]> {
  const missing: string[] = [];
  for (const [file, expected] of Object.entries(files)) {
    if (!(await isComplete(join(folder, file), expected))) missing.push(file);
  }
  return missing;
}

/**
 * Downloads a data set into a folder, as `--dataset_dir` takes it. Files that are there are kept; what
 * broke off before goes on.
 *
 * @returns  names of what is new in the folder; empty when all was there
 * @throws UserError  when no address gives a file, the folder cannot be written to, or another process writes to it
 * @throws the signal's reason, when it is aborted before the end
 */
export async function downloadDataset(
  name: DownloadName,
  options: DownloadDatasetOptions,
): Promise<readonly string[]> {
  const { folder, signal } = options;
  const { files = publications[name].files } = options;
  const publication = { ...publications[name], files };
  const { unpacked } = publication;
  if (unpacked !== undefined && existsSync(join(folder, unpacked.folder))) return [];
  // Before the lock: what is there may lie where nobody can write.
  const missing = await missingOf(folder, files);
  if (unpacked === undefined && missing.length === 0) return [];
  return await Cleanup.after(async (cleanup) => {
    const lock = await lockFolder(folder, '--output_dir', { signal });
    cleanup.add(() => lock.release());
    return await downloadMissing(publication, missing, options);
  });
}

/** Downloads the missing files of a data set, and unpacks it. @returns  names of what is new */
async function downloadMissing(
  { bases, files, unpacked }: Publication,
  missing: readonly string[],
  { folder, baseUrl, timeoutMs, signal, onProgress }: DownloadDatasetOptions,
): Promise<readonly string[]> {
  for (const file of missing) {
    const expected = files[file]!;
    await downloadFile({
      ...expected,
      urls: (baseUrl === undefined ? bases : [baseUrl]).map((base) => addressOf(base, file)),
      ...{ path: join(folder, file), timeoutMs, signal },
      onProgress: (bytes) => onProgress?.(file, bytes, expected.bytes),
    });
  }
  if (unpacked === undefined) return missing;
  const [archive] = Object.keys(files).map((file) => join(folder, file));
  await unpack(archive!, folder, unpacked);
  await rm(archive!);
  return [unpacked.folder];
}

function addressOf(base: string, file: string): string {
  return `${base.endsWith('/') ? base : `${base}/`}${file}`;
}
