/** Image folders: SPLIT/CLASS/* or CLASS/*, one image a file. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../src/errors.ts';
import { permutation, random } from '../../src/random.ts';
import { type EncodedSplit, encodedImages } from '../images/encodedImages.ts';
import { imageExtensions, isImageFile } from '../images/imageFiles.ts';
import { classNamesFile, readClassNames } from '../labels/classNames.ts';
import { UnknownSplitError } from '../unknownSplitError.ts';

/** How a folder without folders for its splits is split. */
export interface FolderOptions {
  /** Share of each class that is the split `validation`, 0..1; the rest is `train`. */
  readonly validationShare: number;
  readonly seed: number;
}

/** Tells these random numbers from those of weights, order, augmentation, dropout and label noise. */
const validationStream = 5;

async function list(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw new UserError(`${folder}: cannot be read as a folder (${(error as Error).message}).`);
  }
}

/** Whether a path leads to a folder; a link to nowhere does not. */
function isFolderAt(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Names of the folders in a folder, links to folders included, in the order of their characters. */
async function subfolders(folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await list(folder)) {
    if (entry.name.startsWith('.')) continue;
    const isFolder =
      entry.isDirectory() ||
      (entry.isSymbolicLink() && (await isFolderAt(join(folder, entry.name))));
    if (isFolder) names.push(entry.name);
  }
  return names.sort();
}

/** Names of the images in the folder of a class. @throws UserError when there are none */
async function imagesIn(folder: string): Promise<string[]> {
  const names = (await list(folder))
    .filter((entry) => !entry.name.startsWith('.') && !entry.isDirectory())
    .map((entry) => entry.name)
    .filter(isImageFile);
  if (names.length > 0) return names;
  throw new UserError(
    `${folder}: found no images; expected at least one (${imageExtensions.join(', ')}). Remove the folder or add images.`,
  );
}

interface Item {
  readonly className: string;
  readonly fileName: string;
}

/** By file name, then by class. */
function compareItems(a: Item, b: Item): number {
  const [x, y] = a.fileName === b.fileName ? [a.className, b.className] : [a.fileName, b.fileName];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Takes a share of each class for the split `validation`; a function of names, seed and share. */
function takeSplit(items: readonly Item[], split: string, options: FolderOptions): Item[] {
  const byClass = new Map<string, Item[]>();
  for (const item of items) {
    const sameClass = byClass.get(item.className);
    if (sameClass === undefined) byClass.set(item.className, [item]);
    else sameClass.push(item);
  }
  return [...byClass.values()].flatMap((sameClass, label) => {
    const sorted = sameClass.sort(compareItems);
    const order = permutation(sorted.length, random(options.seed, validationStream, label));
    const count = Math.round(options.validationShare * sorted.length);
    const chosen = split === 'validation' ? order.subarray(0, count) : order.subarray(count);
    return Array.from(chosen, (i) => sorted[i]!);
  });
}

/** How a folder is laid out. */
interface Layout {
  /** Folders of classes, or of splits when these have folders. */
  readonly top: readonly string[];
  /** Those of them that have folders: the splits. */
  readonly nested: readonly string[];
  readonly splits: readonly string[];
}

async function layoutOf(folder: string, validationShare: number): Promise<Layout> {
  const top = await subfolders(folder);
  if (top.length === 0) {
    throw new UserError(`${folder}: found no folders; expected one for each class or split.`);
  }
  const nested: string[] = [];
  for (const name of top) {
    if ((await subfolders(join(folder, name))).length > 0) nested.push(name);
  }
  const drawn = validationShare > 0 ? ['train', 'validation'] : ['train'];
  return { top, nested, splits: nested.length > 0 ? nested : drawn };
}

/** Splits of an image folder. @throws UserError when it cannot be read or has no folders */
export async function imageFolderSplits(
  folder: string,
  validationShare: number,
): Promise<readonly string[]> {
  return (await layoutOf(folder, validationShare)).splits;
}

/**
 * Lists a split of an image folder. Where DIR/SPLIT exists, it has a folder for each class; where
 * it does not, DIR has, and `train` and `validation` are drawn from it. Classes are all that any split
 * has, in the order of their names, or of DIR/labels.txt. Items are ordered by file name, then class: images that are
 * named by a running number keep its order. Files that are no images by their name are ignored.
 *
 * @throws UserError  when a folder is missing or cannot be read, or has no images
 * @throws UnknownSplitError  when there is no such split
 */
export async function listImageFolder(
  folder: string,
  split: string,
  options: FolderOptions,
): Promise<EncodedSplit> {
  const { top, nested, splits } = await layoutOf(folder, options.validationShare);
  const hasSplits = nested.length > 0;
  if (!splits.includes(split)) {
    const hint = split === 'validation' ? 'Give --validation_split to draw one.' : '';
    throw new UnknownSplitError(split, folder, splits, hint);
  }
  const root = hasSplits ? join(folder, split) : folder;
  const found = hasSplits
    ? (await Promise.all(nested.map((name) => subfolders(join(folder, name))))).flat()
    : top;
  const classNames = (await readClassNames(folder)) ?? [...new Set(found)].sort();
  const unknown = found.find((name) => !classNames.includes(name));
  if (unknown !== undefined) {
    throw new UserError(
      `${join(folder, classNamesFile)}: the class ${unknown} is missing; expected each that has a folder.`,
    );
  }
  let items: Item[] = [];
  for (const className of await subfolders(root)) {
    for (const fileName of await imagesIn(join(root, className)))
      items.push({ className, fileName });
  }
  if (!hasSplits) items = takeSplit(items, split, options);
  items.sort(compareItems);
  if (items.length === 0) {
    throw new UserError(
      `${root}: found no items of split ${split}; --validation_split leaves none.`,
    );
  }
  const labels = new Map(classNames.map((name, label) => [name, label]));
  const files = items.map(({ className, fileName }) => join(root, className, fileName));
  return {
    name: 'folder',
    split,
    size: items.length,
    classNames,
    labels: Int32Array.from(items, ({ className }) => labels.get(className)!),
    images: encodedImages(files, {
      file: Uint32Array.from(files, (_, i) => i),
      offset: new Float64Array(files.length),
      length: new Uint32Array(files.length),
    }),
  };
}
