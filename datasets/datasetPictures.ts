/** What a data set of images looks like, as files. */
import { join } from 'node:path';
import { replaceFile } from '../src/files/replaceFile.ts';
import type { ImageDataset } from './dataset.ts';
import { contactSheet, type Description, firstItemsOfClasses } from './describe.ts';
import { encodePng } from './images/encodePng.ts';
import { makePictureFolder } from './pictureFolder.ts';

/** More samples in a contact sheet would take too much memory, and no viewer shows them. */
const maxSheetSamples = 2 ** 29;

/** A class name as the part of a file name. */
function fileNameOf(label: number, className: string): string {
  return `${String(label).padStart(4, '0')}-${className.replaceAll(/[^\p{L}\p{N}_-]+/gu, '_')}.png`;
}

/**
 * Writes the mean image, where all have one size, and a contact sheet of each class that has items:
 * SPLIT/mean.png, SPLIT/LABEL-CLASS.png.
 *
 * @param maxItemsPerClass  items of a contact sheet at most; fewer where images are so large that
 *                          these would have more than 2²⁹ samples
 * @throws UsageError       when a split's folder holds images that may be data
 */
export async function writePictures(
  dataset: ImageDataset,
  { meanImage, extents: [, largest] }: Description,
  folder: string,
  maxItemsPerClass: number,
): Promise<void> {
  const splitFolder = join(folder, dataset.split);
  await makePictureFolder(splitFolder);
  if (meanImage !== null)
    await replaceFile(join(splitFolder, 'mean.png'), await encodePng(meanImage));
  const samples = largest[0] * largest[1] * dataset.imageShape[2];
  const maxItems = Math.max(1, Math.min(maxItemsPerClass, Math.floor(maxSheetSamples / samples)));
  for (const [label, items] of firstItemsOfClasses(dataset, maxItems).entries()) {
    if (items.length === 0) continue;
    const path = join(splitFolder, fileNameOf(label, dataset.classNames[label]!));
    await replaceFile(path, await encodePng(await contactSheet(dataset, items)));
  }
}
