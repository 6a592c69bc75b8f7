/** What lies in a folder, some folders deep: images, further folders, and what is neither. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, unreadable } from '../../src/errors.ts';
import { isImageFile } from '../images/imageFiles.ts';

/** One folder and what lies in it; names that begin with a dot are left out. */
export interface FolderTree {
  readonly name: string;
  /** Names of the files that are images by their names. */
  readonly images: readonly string[];
  /** Names of all other files. */
  readonly otherFiles: readonly string[];
  /** In the order of the characters of their names; none at the greatest depth. */
  readonly folders: readonly FolderTree[];
  /** Whether a run of training or evaluation, or pictures of the data, were written to it: nothing in it is looked at. */
  readonly isOutput: boolean;
}

/** Files by which a folder of a run is known: its lock, its record, its checkpoints, its log. */
const ofRun =
  /^(losslens\.lock|run\.json|model\.ckpt-\d+\..*|projector_config\.pbtxt|events\.out\.tfevents\..*)$/;
/** Images that are written to folders of runs. */
const ownImages = /^(sprite|item-\d{6,}-.*)\.png$/;

/** An empty file by which a folder is known that pictures are written to, which are no data. */
export const pictureMarker = '.losslens-pictures';

async function list(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw unreadable(folder, error);
  }
}

/** Whether an entry is a folder or a link to one; a link to nowhere is none. */
async function isFolder(folder: string, entry: Dirent): Promise<boolean> {
  // Not asked of links that are named as images: there may be a million of them.
  if (!entry.isSymbolicLink() || isImageFile(entry.name)) return entry.isDirectory();
  return stat(join(folder, entry.name)).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** @throws UserError  for what is named as an image and is a pipe or a device: who reads it may wait for ever */
function expectFile(path: string, entry: Dirent): void {
  if (entry.isFile() || entry.isSymbolicLink()) return;
  throw new UserError(`${path}: is a pipe or a device; expected an image. Move it elsewhere.`);
}

/** @throws UserError  when there are images in the folder of a run that it did not write: a class, maybe */
function expectNoData(path: string, runFile: string, entries: readonly Dirent[]): void {
  const images = entries.filter(({ name }) => isImageFile(name) && !ownImages.test(name));
  if (images.length === 0) return;
  throw new UserError(
    `${path}: holds images (${images.length}, such as ${images[0]!.name}) and the files of a run (${runFile}); expected a folder of its own for each. Give the run another --train_dir and move what it wrote, or the images if they are no data.`,
  );
}

async function read(
  path: string,
  name: string,
  depth: number,
  isRoot: boolean,
): Promise<FolderTree> {
  const all = await list(path);
  const entries = all.filter((entry) => !entry.name.startsWith('.'));
  // The data may lie in the folder that a run writes to, beside what it writes.
  const ofItsRun = isRoot ? undefined : entries.find((entry) => ofRun.test(entry.name));
  const hasPictures = !isRoot && all.some((entry) => entry.name === pictureMarker);
  const isOutput = ofItsRun !== undefined || hasPictures;
  const images: string[] = [];
  const otherFiles: string[] = [];
  const folders: string[] = [];
  if (ofItsRun !== undefined && !hasPictures) expectNoData(path, ofItsRun.name, entries);
  for (const entry of isOutput ? [] : entries) {
    if (await isFolder(path, entry)) folders.push(entry.name);
    else if (isImageFile(entry.name)) {
      expectFile(join(path, entry.name), entry);
      images.push(entry.name);
    } else otherFiles.push(entry.name);
  }
  const below = depth === 0 ? [] : folders.sort();
  return {
    name,
    images,
    otherFiles,
    folders: await Promise.all(
      below.map((folder) => read(join(path, folder), folder, depth - 1, false)),
    ),
    isOutput,
  };
}

/**
 * Reads the names in a folder and in those below it.
 *
 * @param depth  of the deepest folders that are read; 0 is the folder itself
 * @throws UserError  naming a folder that cannot be read, or that a run and images share
 */
export function readFolderTree(path: string, depth: number): Promise<FolderTree> {
  return read(path, '', depth, true);
}
