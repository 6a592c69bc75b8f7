/** Loads data sets that are known to hold images. */
import { expectImages, type ImageDataset } from '../../datasets/dataset.ts';
import { type DatasetOptions, loadDataset } from '../../datasets/factory.ts';

export async function loadImages(options: DatasetOptions): Promise<ImageDataset> {
  return expectImages(await loadDataset(options));
}
