/** The data sets by the name that --dataset_name takes. */
import { UsageError, UserError } from '../src/errors.ts';
import { makeDigits } from './builtIn/digits.ts';
import { makePhrases } from './builtIn/phrases.ts';
import { makeShapes } from './builtIn/shapes.ts';
import type { Dataset, ImageDataset } from './dataset.ts';
import { cifar10Splits, loadCifar10 } from './formats/cifar10.ts';
import { findFolderLayout } from './formats/folderLayout.ts';
import { listImageFolder } from './formats/imageFolder.ts';
import { loadMnist, mnistSplits } from './formats/mnist.ts';
import { loadTextTsv, textTsvSplits } from './formats/textTsv.ts';
import { findTfrecords, listTfrecords, otherTfrecords } from './formats/tfrecordDataset.ts';
import type { DecodedSize } from './imageStore.ts';
import type { SkippedItem } from './images/encodedDataset.ts';
import type { EncodedSplit } from './images/encodedImages.ts';
import { readClassNames } from './labels/classNames.ts';
import { UnknownSplitError } from './unknownSplitError.ts';
import {
  drawPart,
  isDrawnPart,
  type LoadedSplit,
  validationHint,
  withValidation,
} from './validationSplit.ts';

/** Which data. */
interface SourceOptions {
  readonly name: string;
  /** --dataset_dir; not needed for built-in data sets. */
  readonly folder: string | undefined;
  /** Share of each class of `train` that is drawn as `validation`, 0..1; 0 by default. */
  readonly validationShare?: number | undefined;
}

/** Which split of the data to load, and how. */
export interface DatasetOptions extends SourceOptions {
  readonly split: string;
  /** Of data sets whose images are compressed: the size that they are decoded to; by default their own. */
  readonly size?: DecodedSize | undefined;
  /** Of such data sets: 1 grey, 3 RGB; by default as most of them have them. */
  readonly channels?: 1 | 3 | undefined;
  /** Draws the split `validation`. */
  readonly seed?: number | undefined;
  /** Of such data sets: images of more pixels cannot be decoded; 2²⁶ by default. */
  readonly maxPixels?: number | undefined;
  /** Whether an image that cannot be decoded ends it all or is left out; 'fail' by default. */
  readonly onBadItem?: 'fail' | 'skip' | undefined;
  /** Is told of the items that were left out, when there are any. */
  readonly onSkipped?: ((skipped: readonly SkippedItem[]) => void) | undefined;
  /** Is told of what is not used of the data, or looks wrong in it: lines for people. */
  readonly onNote?: ((line: string) => void) | undefined;
  /** Decoded images that are kept in memory are not to take more bytes; 1 GiB by default. */
  readonly maxBytes?: number | undefined;
}

/** One form of a data set: its splits, and how one is read. */
interface Source {
  /** Name of the data set, or its folder, for errors. */
  readonly owner: string;
  readonly splits: readonly string[];
  /** A sentence on why these are the splits. */
  readonly reason?: string;
  /** Lines for people about what is not used. */
  readonly notes?: readonly string[];
  /** @param split  one of the splits */
  load(split: string, onNote: (line: string) => void): Promise<LoadedSplit>;
}

type Finder = (folder: string | undefined) => Promise<Source>;

const defaultMaxBytes = 2 ** 30;

/** @throws UsageError  when the folder is missing from the command line */
function expectFolder(name: string, folder: string | undefined): string {
  if (folder !== undefined) return folder;
  throw new UsageError(`--dataset_dir: missing; expected the folder of ${name}.`);
}

const twoSplits = ['train', 'test'] as const;

/** A data set that is made, not read. */
function builtIn(name: string, make: (split: 'train' | 'test') => LoadedSplit): Finder {
  return async (folder) => {
    if (folder !== undefined) {
      throw new UsageError(
        `--dataset_dir: got "${folder}", but ${name} is built in and reads no folder; expected --dataset_name to say what the folder holds: folder (images in a folder of each class), mnist, cifar10, tsv, or the name of its TFRecords.`,
      );
    }
    return {
      owner: name,
      splits: twoSplits,
      load: async (split) => make(split as 'train' | 'test'),
    };
  };
}

/** A data set of fixed files in a folder. */
function inFolder(name: string, splits: readonly string[], load: typeof loadMnist): Finder {
  return async (given) => {
    const folder = expectFolder(name, given);
    return { owner: name, splits, load: (split) => load(folder, split as 'train' | 'test') };
  };
}

const finders: Readonly<Record<string, Finder>> = {
  digits: builtIn('digits', makeDigits),
  shapes: builtIn('shapes', makeShapes),
  phrases: builtIn('phrases', makePhrases),
  mnist: inFolder('mnist', mnistSplits, loadMnist),
  cifar10: inFolder('cifar10', cifar10Splits, loadCifar10),
  folder: async (given) => {
    const folder = expectFolder('folder', given);
    const layout = await findFolderLayout(folder);
    return {
      owner: folder,
      splits: [...layout.splits.keys()],
      reason: layout.reason,
      notes: layout.notes,
      load: (split, onNote) => listImageFolder(folder, split, layout, onNote),
    };
  },
  tsv: async (given) => {
    const folder = expectFolder('tsv', given);
    const splits = await textTsvSplits(folder);
    return {
      owner: folder,
      splits,
      load: (split, onNote) => loadTextTsv(folder, split, splits, onNote),
    };
  },
};

/** Names of all data sets. */
const datasetNames: readonly string[] = Object.keys(finders);

/** The data set's TFRecords, which come before its other forms; undefined when there are none. */
async function findRecords(name: string, folder: string): Promise<Source | undefined> {
  const files = await findTfrecords(folder, name);
  if (files.size === 0) return undefined;
  return {
    owner: name,
    splits: [...files.keys()],
    load: async (split) =>
      listTfrecords(name, split, files.get(split)!, await readClassNames(folder)),
  };
}

/** @throws UsageError  for an unknown name @throws UserError  when the folder cannot be read */
async function findSource({ name, folder }: SourceOptions): Promise<Source> {
  const records = folder === undefined ? undefined : await findRecords(name, folder);
  if (records !== undefined) return records;
  const find = finders[name];
  if (find !== undefined) return find(folder);
  const others = folder === undefined ? '' : await otherTfrecords(folder, name);
  throw new UsageError(
    `--dataset_name: got "${name}"; expected one of ${datasetNames.join(', ')}, or the name of TFRecords in --dataset_dir (${name}_SPLIT.tfrecord).${others}`,
  );
}

/** Reads a split, or the part of `train` that stands for it. */
async function loadSplit(
  { owner, splits, reason = '', load }: Source,
  { split, validationShare = 0, seed = 0, onNote = () => {} }: DatasetOptions,
): Promise<LoadedSplit> {
  const isPart = isDrawnPart(split, validationShare, owner, splits);
  if (!isPart && !splits.includes(split)) {
    // Where there is a split to train on, the splits are what they were meant to be.
    const hint = splits.includes('train') ? validationHint(split, splits) : reason;
    throw new UnknownSplitError(split, owner, withValidation(splits, validationShare), hint);
  }
  const loaded = await load(isPart ? 'train' : split, onNote);
  if (loaded.size === 0) {
    throw new UserError(`${owner}, ${split}: holds no items; expected at least one.`);
  }
  if (!isPart) return loaded;
  const part = drawPart(loaded, split, { share: validationShare, seed });
  if (part.size === loaded.size) {
    const other = split === 'train' ? 'validation' : 'train';
    onNote(
      `--validation_split: ${validationShare} of each class leaves no item for ${other}; all ${part.size} are ${split}`,
    );
  }
  return part;
}

async function decoded(split: EncodedSplit, options: DatasetOptions): Promise<ImageDataset> {
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

/**
 * Loads one split of a data set.
 *
 * @throws UsageError  for an unknown name or split, listing those that exist, or when no split
 *                     `validation` can be drawn
 * @throws UserError   for missing or damaged files, or a split without items
 */
export async function loadDataset(options: DatasetOptions): Promise<Dataset> {
  const source = await findSource(options);
  for (const line of source.notes ?? []) options.onNote?.(line);
  const loaded = await loadSplit(source, options);
  return 'kind' in loaded ? loaded : decoded(loaded, options);
}

/**
 * Splits of a data set in the form that `loadDataset` would take, with the one that is drawn.
 *
 * @throws UserError  when a folder cannot be read
 */
export async function listSplits(options: SourceOptions): Promise<readonly string[]> {
  return withValidation((await findSource(options)).splits, options.validationShare ?? 0);
}
