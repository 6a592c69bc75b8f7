/** Makes folders for pictures of data, which are not taken for data themselves. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../src/errors.ts';
import { makeFolder } from '../src/files/makeFolder.ts';
import { replaceFile } from '../src/files/replaceFile.ts';
import { type FolderTree, pictureMarker, readFolderTree } from './formats/folderTree.ts';

/** A split's folder has its images in those of the classes. */
const depth = 1;

const hasImages = ({ images, folders }: FolderTree): boolean =>
  images.length > 0 || folders.some(hasImages);

/**
 * Makes a folder for pictures and marks it, so that an image folder that has it within leaves it out.
 *
 * @param flag  that names it, for the error
 * @throws UsageError  when it holds images that may be data: marked, they would be left out
 */
export async function makePictureFolder(folder: string, flag = '--output_dir'): Promise<void> {
  await makeFolder(folder);
  const marker = join(folder, pictureMarker);
  if (existsSync(marker)) return;
  const found = await readFolderTree(folder, depth).catch(() => undefined);
  // Folders that may not be looked into lie in no folder of data.
  if (found === undefined) return;
  if (hasImages(found)) {
    throw new UsageError(
      `${flag}: ${folder} holds images, which may be data; expected a folder without, for pictures alone.`,
    );
  }
  await replaceFile(marker, '');
}
