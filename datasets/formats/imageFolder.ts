/** Image folders: SPLIT/CLASS/* or CLASS/*, one image a file. */
import { join } from 'node:path';
import { UserError } from '../../src/errors.ts';
import { type EncodedSplit, encodedImages } from '../images/encodedImages.ts';
import { classNamesFile, labelsByName, readClassNames } from '../labels/classNames.ts';
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
  // As labels.txt has names: outer spaces, which nobody sees, tell no classes apart.
  const found = new Set([...splits.values()].flat().map(({ name }) => name.trim()));
  const classNames = (await readClassNames(folder)) ?? [...found].sort();
  const labels = labelsByName(join(folder, classNamesFile), classNames);
  const unknown = [...found].find((name) => !labels.has(name));
  if (unknown !== undefined) {
    throw new UserError(
      `${join(folder, classNamesFile)}: the class ${unknown} is missing; expected each that has a folder.`,
    );
  }
  const classFolders = splits.get(split)!;
  const present = new Set<string>();
  for (const { name } of classFolders) {
    if (present.has(name.trim())) {
      throw new UserError(
        `${folder}: has two folders of the class "${name.trim()}", whose names differ in outer spaces alone; expected one.`,
      );
    }
    present.add(name.trim());
  }
  const absent = [...found].filter((name) => !present.has(name));
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
    labels: Int32Array.from(items, ({ classFolder }) => labels.get(classFolder.trim())!),
    images: encodedImages(files, {
      file: Uint32Array.from(files, (_, i) => i),
      offset: new Float64Array(files.length),
      length: new Uint32Array(files.length),
    }),
  };
}
