/** Loads the splits that the flags of a command name. */
import { join } from 'node:path';
import type { Dataset } from '../../datasets/dataset.ts';
import { loadDataset } from '../../datasets/factory.ts';
import type { DecodedSize } from '../../datasets/imageStore.ts';
import type { SkippedItem } from '../../datasets/images/encodedDataset.ts';
import { withLabelsOffset } from '../../datasets/labels/labelsOffset.ts';
import { noteOnce } from '../console/noteOnce.ts';
import { toCsv } from '../files/csv.ts';
import { replaceFile } from '../files/replaceFile.ts';
import { tell } from '../terminal.ts';

/** The flags that choose the data. */
export interface DataOptions {
  readonly dataset_name: string;
  readonly dataset_dir: string | undefined;
  readonly labels_offset: number;
  readonly validation_split: number;
  readonly validation_seed: number;
  readonly on_bad_item: 'fail' | 'skip';
  readonly max_image_megapixels: number;
  readonly max_data_memory_mb: number;
}

/** A split and the items of it that are left out. */
export interface Split {
  readonly dataset: Dataset;
  /** In order; empty unless --on_bad_item=skip. */
  readonly skipped: readonly SkippedItem[];
}

/**
 * Loads a split.
 *
 * @param size      that compressed images are decoded to, as `decodedSizeOf` has it
 * @param channels  that compressed images are decoded to; by default as most of them have them
 * @throws UserError  when there is no such data
 */
export async function loadSplit(
  options: DataOptions,
  split: string,
  size: DecodedSize | undefined,
  channels?: 1 | 3,
): Promise<Split> {
  let skipped: readonly SkippedItem[] = [];
  const source = await loadDataset({
    name: options.dataset_name,
    folder: options.dataset_dir,
    split,
    size,
    channels,
    validationShare: options.validation_split,
    seed: options.validation_seed,
    maxPixels: options.max_image_megapixels * 2 ** 20,
    onBadItem: options.on_bad_item,
    onSkipped: (items) => {
      skipped = items;
    },
    onNote: noteOnce,
    maxBytes: options.max_data_memory_mb * 2 ** 20,
  });
  return { dataset: withLabelsOffset(source, options.labels_offset), skipped };
}

/** What images are decoded to where their source has so many channels: 1 grey, 3 RGB. */
export function decodedChannels(sourceChannels: number | undefined): 1 | 3 {
  return sourceChannels === 1 ? 1 : 3;
}

/** Lists the items that are left out in `skipped.csv` and says how many there are. */
export async function recordSkipped(folder: string, { dataset, skipped }: Split): Promise<void> {
  if (skipped.length === 0) return;
  const path = join(folder, 'skipped.csv');
  const rows = skipped.map(({ itemIndex, source, reason }) => [itemIndex, source, reason]);
  await replaceFile(path, toCsv(['item', 'file', 'reason'], rows));
  tell(
    `left out ${skipped.length} of ${dataset.size} items of ${dataset.split} that cannot be decoded: ${path}`,
  );
}
