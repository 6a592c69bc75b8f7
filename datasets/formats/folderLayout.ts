/** Which folders of a folder of images are its splits and its classes, and what is neither. */
import { extname, join } from 'node:path';
import { UserError } from '../../src/errors.ts';
import { imageExtensions } from '../images/imageFiles.ts';
import { type FolderTree, readFolderTree } from './folderTree.ts';

/** How a folder of images is laid out. */
export interface FolderLayout {
  /** Folders of the classes that have images, by split. */
  readonly splits: ReadonlyMap<string, readonly FolderTree[]>;
  /** Whether each split has a folder of its own; without, there is one split, `train`. */
  readonly hasSplitFolders: boolean;
  /** A folder that made it so and how to have it otherwise, for when another layout was meant. */
  readonly reason: string;
  /** Lines about what is not used, for people. */
  readonly notes: readonly string[];
}

/** Images in a folder within that of a split's class are still found, to be told of. */
const depth = 3;
/** Names that a line lists at most. */
const maxListed = 6;

/** What no split and no class uses. */
interface Unused {
  /** Folders that runs and pictures were written to. */
  readonly outputs: string[];
  /** Folders without an image. */
  readonly empty: string[];
  /** Folders whose images belong to no class, with their number. */
  readonly stray: string[];
  /** Files that are no images. */
  readonly files: string[];
}

const hasImages = ({ images }: FolderTree): boolean => images.length > 0;

/** Whether there is no image in a folder and in those below it. */
const isEmpty = (tree: FolderTree): boolean => !hasImages(tree) && tree.folders.every(isEmpty);

/** Whether a run or pictures were written to a folder or to one below it. */
const holdsOutput = ({ isOutput, folders }: FolderTree): boolean =>
  isOutput || folders.some(holdsOutput);

/** Adds what is not used of a folder and those below it. @param path  below that of the data */
function findUnused(
  tree: FolderTree,
  path: string,
  classFolders: ReadonlySet<FolderTree>,
  found: Unused,
): void {
  const isClass = classFolders.has(tree);
  if (isClass) found.files.push(...tree.otherFiles);
  else if (hasImages(tree)) found.stray.push(`${path || '.'} (${tree.images.length})`);
  for (const folder of tree.folders) {
    const at = join(path, folder.name);
    if (!isEmpty(folder)) findUnused(folder, at, classFolders, found);
    else if (holdsOutput(folder)) found.outputs.push(at);
    else if (!isClass) {
      found.empty.push(at);
      found.files.push(...folder.otherFiles);
    }
  }
}

/** Names for a line: the first ones, and how many more there are. */
export function listed(names: readonly string[]): string {
  const more = names.length - maxListed;
  return names.slice(0, maxListed).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** Such as `9 .svg, 2 .txt`: files by the ending of their names, the most frequent first. */
function countEndings(files: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const file of files) {
    const ending = extname(file).toLowerCase() || 'without an ending';
    counts.set(ending, (counts.get(ending) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return listed(sorted.map(([ending, count]) => `${count} ${ending}`));
}

function notesOf(
  folder: string,
  { outputs, empty, stray, files }: Unused,
  reason: string,
): string[] {
  const leftOut = [
    ...(outputs.length > 0 ? [`${listed(outputs)} (runs and pictures of losslens)`] : []),
    ...(empty.length > 0 ? [`${listed(empty)} (without images)`] : []),
  ];
  return [
    ...(leftOut.length > 0 ? [`${folder}: left out ${leftOut.join(', ')}`] : []),
    ...(stray.length > 0
      ? [`${folder}: left out images that lie in no class: ${listed(stray)}. ${reason}`]
      : []),
    ...(files.length > 0
      ? [
          `${folder}: ignored files that are no images: ${countEndings(files)} (images are ${imageExtensions.join(', ')})`,
        ]
      : []),
  ];
}

/**
 * Finds out how a folder is laid out: SPLIT/CLASS/* where a folder in one of its folders has images,
 * else CLASS/*. Folders that runs or pictures were written to and folders without an image are neither split nor class.
 *
 * @throws UserError  when a folder cannot be read, there are no images, or some folders say one
 *                    layout and some the other
 */
export async function findFolderLayout(folder: string): Promise<FolderLayout> {
  const root = await readFolderTree(folder, depth);
  const classFolders = root.folders.filter(hasImages);
  const splitFolders = root.folders.filter(({ folders }) => folders.some(hasImages));
  const unused: Unused = { outputs: [], empty: [], stray: [], files: [] };
  if (classFolders.length === 0 && splitFolders.length === 0) {
    findUnused(root, '', new Set(), unused);
    const { files, stray } = unused;
    const found = [
      ...(files.length > 0 ? [`Files that are no images: ${countEndings(files)}.`] : []),
      ...(stray.length > 0 ? [`Images lie in ${listed(stray)}.`] : []),
    ];
    throw new UserError(
      [
        `${folder}: found no ${root.folders.length === 0 ? 'folders' : 'images in folders of classes'}; expected CLASS/* or SPLIT/CLASS/*, with images (${imageExtensions.join(', ')}).`,
        ...found,
      ].join(' '),
    );
  }
  const hasSplitFolders = splitFolders.length > 0;
  // The most telling one: a folder in what has images as a class has.
  const both = splitFolders.find(hasImages);
  const split = both ?? splitFolders[0];
  const inner = split && `${split.name}/${split.folders.find(hasImages)!.name}`;
  const reason = split
    ? `${inner} has images, which makes ${split.name} a split; if it is a class, move them into ${split.name} itself.`
    : 'Images of a class lie in its folder itself.';
  const other = classFolders.find((tree) => !splitFolders.includes(tree));
  if (both !== undefined && other !== undefined) {
    throw new UserError(
      `${folder}: ${inner} has images as the class of a split has, but ${both.name} and ${other.name} have some as classes; expected CLASS/* or SPLIT/CLASS/*. Move the images of ${inner} into ${both.name}, or out of ${folder}.`,
    );
  }
  const splits = hasSplitFolders
    ? new Map(splitFolders.map(({ name, folders }) => [name, folders.filter(hasImages)]))
    : new Map([['train', classFolders]]);
  findUnused(root, '', new Set([...splits.values()].flat()), unused);
  return { splits, hasSplitFolders, reason, notes: notesOf(folder, unused, reason) };
}
