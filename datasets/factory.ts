/** The data sets by the name that --dataset_name takes. */
import { UsageError } from '../src/errors.ts';
import { makeDigits } from './builtIn/digits.ts';
import { makePhrases } from './builtIn/phrases.ts';
import { makeShapes } from './builtIn/shapes.ts';
import { type Dataset, expectImages, type ImageDataset } from './dataset.ts';
import { cifar10Splits, loadCifar10 } from './formats/cifar10.ts';
import { imageFolderSplits, listImageFolder } from './formats/imageFolder.ts';
import { loadMnist, mnistSplits } from './formats/mnist.ts';
import { loadTextTsv, textTsvSplits } from './formats/textTsv.ts';
import { findTfrecords, listTfrecords } from './formats/tfrecordDataset.ts';
import type { DecodedSize } from './imageStore.ts';
import type { SkippedItem } from './images/encodedDataset.ts';
import type { EncodedSplit } from './images/encodedImages.ts';
import { readClassNames } from './labels/classNames.ts';
import { UnknownSplitError } from './unknownSplitError.ts';

/** Which data to load. */
export interface DatasetOptions {
  readonly name: string;
  /** --dataset_dir; not needed for built-in data sets. */
  readonly folder: string | undefined;
  readonly split: string;
  /** Of data sets whose images are compressed: the size that they are decoded to; by default their own. */
  readonly size?: DecodedSize | undefined;
  /** Of such data sets: 1 grey, 3 RGB; by default as most of them have them. */
  readonly channels?: 1 | 3 | undefined;
  /** Share of each class of an image folder without splits that is `validation`, 0..1. */
  readonly validationShare?: number | undefined;
  /** Draws the split `validation`. */
  readonly seed?: number | undefined;
  /** Of such data sets: images of more pixels cannot be decoded; 2²⁶ by default. */
  readonly maxPixels?: number | undefined;
  /** Whether an image that cannot be decoded ends it all or is left out; 'fail' by default. */
  readonly onBadItem?: 'fail' | 'skip' | undefined;
  /** Is told of the items that were left out, when there are any. */
  readonly onSkipped?: ((skipped: readonly SkippedItem[]) => void) | undefined;
  /** Decoded images that are kept in memory are not to take more bytes; 1 GiB by default. */
  readonly maxBytes?: number | undefined;
}

type Loader = (options: DatasetOptions) => Promise<Dataset>;

const defaultMaxBytes = 2 ** 30;

/** @throws UnknownSplitError  unless the split is one of those that exist */
function expectSplit(name: string, split: string, splits: readonly string[]): void {
  if (!splits.includes(split)) throw new UnknownSplitError(split, name, splits);
}

/** @throws UsageError  when the folder is missing from the command line */
function expectFolder(name: string, folder: string | undefined): string {
  if (folder !== undefined) return folder;
  throw new UsageError(`--dataset_dir: missing; expected the folder of ${name}.`);
}

const twoSplits = ['train', 'test'] as const;

/** A data set that is made, not read. */
function builtIn(name: string, make: (split: 'train' | 'test') => Dataset): Loader {
  return async ({ split }) => {
    expectSplit(name, split, twoSplits);
    return make(split as 'train' | 'test');
  };
}

/** A data set of fixed files in a folder. */
function inFolder(name: string, splits: readonly string[], load: typeof loadMnist): Loader {
  return async ({ folder, split }) => {
    expectSplit(name, split, splits);
    return load(expectFolder(name, folder), split as 'train' | 'test');
  };
}

async function loadEncoded(split: EncodedSplit, options: DatasetOptions): Promise<ImageDataset> {
  // Only who decodes loads the decoders.
  const { encodedDataset } = await import('./images/encodedDataset.ts');
  const { dataset, skipped } = await encodedDataset(split, {
    size: options.size ?? null,
    channels: options.channels ?? null,
    maxPixels: options.maxPixels,
    onBadItem: options.onBadItem ?? 'fail',
    maxBytes: options.maxBytes ?? defaultMaxBytes,
  });
  if (skipped.length > 0) options.onSkipped?.(skipped);
  return dataset;
}

/** The data set's TFRecords, which come before its other forms; null when there are none. */
async function findRecords({ name, folder, split }: DatasetOptions): Promise<EncodedSplit | null> {
  if (folder === undefined) return null;
  const files = await findTfrecords(folder, name);
  if (files.size === 0) return null;
  expectSplit(name, split, [...files.keys()]);
  return await listTfrecords(name, split, files.get(split)!, await readClassNames(folder));
}

const loaders: Readonly<Record<string, Loader>> = {
  digits: builtIn('digits', makeDigits),
  shapes: builtIn('shapes', makeShapes),
  phrases: builtIn('phrases', makePhrases),
  mnist: inFolder('mnist', mnistSplits, loadMnist),
  cifar10: inFolder('cifar10', cifar10Splits, loadCifar10),
  folder: async (options) => {
    const { folder, split, validationShare = 0, seed = 0 } = options;
    const drawn = { validationShare, seed };
    return loadEncoded(
      await listImageFolder(expectFolder('folder', folder), split, drawn),
      options,
    );
  },
  tsv: async ({ folder, split }) => loadTextTsv(expectFolder('tsv', folder), split),
};

/** Names of all data sets. */
export const datasetNames: readonly string[] = Object.keys(loaders);

/**
 * Loads one split of a data set.
 *
 * @throws UsageError  for an unknown name or split, listing those that exist
 * @throws UserError   for missing or damaged files
 */
export async function loadDataset(options: DatasetOptions): Promise<Dataset> {
  const records = await findRecords(options);
  if (records !== null) return loadEncoded(records, options);
  const load = loaders[options.name];
  if (load === undefined) {
    throw new UsageError(
      `--dataset_name: got "${options.name}"; expected one of ${datasetNames.join(', ')}, or the name of TFRecords in --dataset_dir (${options.name}_${options.split}.tfrecord).`,
    );
  }
  return load(options);
}

/**
 * Loads one split of a data set of images.
 *
 * @throws UsageError  beside what `loadDataset` throws, when it holds texts
 */
export async function loadImages(options: DatasetOptions): Promise<ImageDataset> {
  return expectImages(await loadDataset(options));
}

/**
 * Splits of a data set in the form that `loadDataset` would take.
 *
 * @throws UserError  when a folder cannot be read
 */
export async function listSplits({
  name,
  folder,
  validationShare = 0,
}: Pick<DatasetOptions, 'name' | 'folder' | 'validationShare'>): Promise<readonly string[]> {
  const records = folder === undefined ? undefined : await findTfrecords(folder, name);
  if (records !== undefined && records.size > 0) return [...records.keys()];
  if (name === 'tsv') return textTsvSplits(expectFolder(name, folder));
  if (name === 'folder') return imageFolderSplits(expectFolder(name, folder), validationShare);
  return twoSplits;
}
