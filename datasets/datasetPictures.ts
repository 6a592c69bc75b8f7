/** What a data set of images looks like, as files. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageDataset } from './dataset.ts';
import { contactSheet, type Description, firstItemsOfClasses } from './describe.ts';
import { encodePng } from './images/encodePng.ts';
import { makePictureFolder } from './pictureFolder.ts';

/** A class name as the part of a file name. */
function fileNameOf(label: number, className: string): string {
  return `${String(label).padStart(4, '0')}-${className.replaceAll(/[^\p{L}\p{N}_-]+/gu, '_')}.png`;
}

/**
 * Writes the mean image, where all have one size, and a contact sheet of each class that has items:
 * SPLIT/mean.png, SPLIT/LABEL-CLASS.png.
 *
 * @param maxItemsPerClass  items of a contact sheet at most
 * @throws UsageError       when a split's folder holds images that may be data
 */
export async function writePictures(
  dataset: ImageDataset,
  { meanImage }: Description,
  folder: string,
  maxItemsPerClass: number,
): Promise<void> {
  const splitFolder = join(folder, dataset.split);
  await makePictureFolder(splitFolder);
  if (meanImage !== null)
    await writeFile(join(splitFolder, 'mean.png'), await encodePng(meanImage));
  for (const [label, items] of firstItemsOfClasses(dataset, maxItemsPerClass).entries()) {
    if (items.length === 0) continue;
    const path = join(splitFolder, fileNameOf(label, dataset.classNames[label]!));
    await writeFile(path, await encodePng(await contactSheet(dataset, items)));
  }
}
