/** Image folders: SPLIT/CLASS/* or CLASS/*, one image a file. */
import { join } from 'node:path';
import { UserError } from '../../src/errors.ts';
import { type EncodedSplit, encodedImages } from '../images/encodedImages.ts';
import { classNamesFile, comparable, labelsByName, readClassNames } from '../labels/classNames.ts';
import { type FolderLayout, listed } from './folderLayout.ts';

interface Item {
  readonly classFolder: string;
  readonly fileName: string;
}

/** By file name, then by class. */
function compareItems(a: Item, b: Item): number {
  const [x, y] =
    a.fileName === b.fileName ? [a.classFolder, b.classFolder] : [a.fileName, b.fileName];
  return x < y ? -1 : x > y ? 1 : 0;
}

/**
 * Lists a split of an image folder. Classes are all that have images in any split, in the order of
 * their names, or of DIR/labels.txt: a class has the same label in all splits. Items are ordered by
 * file name, then class: images that are named by a running number keep its order.
 *
 * @param split   one of the layout's
 * @param onNote  is told of classes that only other splits have images of
 * @throws UserError  when labels.txt is damaged or lacks a class
 */
export async function listImageFolder(
  folder: string,
  split: string,
  { splits, hasSplitFolders }: FolderLayout,
  onNote: (line: string) => void,
): Promise<EncodedSplit> {
  /** By their `comparable` names, as the first folder of each has it. */
  const found = new Map<string, string>();
  for (const { name } of [...splits.values()].flat()) {
    // As labels.txt has names: outer spaces, which nobody sees, tell no classes apart.
    if (!found.has(comparable(name))) found.set(comparable(name), name.trim());
  }
  const classNames = (await readClassNames(folder)) ?? [...found.values()].sort();
  const labels = labelsByName(join(folder, classNamesFile), classNames);
  for (const [key, name] of found) {
    if (labels.has(key)) continue;
    throw new UserError(
      `${join(folder, classNamesFile)}: the class ${name} is missing; expected each that has a folder.`,
    );
  }
  const classFolders = splits.get(split)!;
  const present = new Set<string>();
  for (const { name } of classFolders) {
    if (present.has(comparable(name))) {
      throw new UserError(
        `${folder}: has two folders of the class "${name.trim()}", whose names differ in outer spaces, or in how accents are encoded, alone; expected one.`,
      );
    }
    present.add(comparable(name));
  }
  const absent = [...found].filter(([key]) => !present.has(key)).map(([, name]) => name);
  const root = hasSplitFolders ? join(folder, split) : folder;
  if (absent.length > 0) {
    onNote(`${root}: has no images of classes that other splits have: ${listed(absent.sort())}`);
  }
  const items = classFolders
    .flatMap(({ name, images }) => images.map((fileName) => ({ classFolder: name, fileName })))
    .sort(compareItems);
  const files = items.map(({ classFolder, fileName }) => join(root, classFolder, fileName));
  return {
    name: 'folder',
    split,
    size: items.length,
    classNames,
    labels: Int32Array.from(items, ({ classFolder }) => labels.get(comparable(classFolder))!),
    images: encodedImages(files, {
      file: Uint32Array.from(files, (_, i) => i),
      offset: new Float64Array(files.length),
      length: new Uint32Array(files.length),
    }),
  };
}
