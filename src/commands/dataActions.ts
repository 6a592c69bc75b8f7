/** What `losslens data` does. */
import { writeImageFolder, writeTfrecords } from '../../datasets/convert.ts';
import { expectImages } from '../../datasets/dataset.ts';
import { writePictures } from '../../datasets/datasetPictures.ts';
import { describeDataset } from '../../datasets/describe.ts';
import { describeTexts } from '../../datasets/describeTexts.ts';
import { imagesText, textsText } from '../../datasets/descriptionText.ts';
import { downloadDataset } from '../../datasets/download/download.ts';
import type { DownloadName } from '../../datasets/download/downloadName.ts';
import type { SkippedItem } from '../../datasets/images/encodedDataset.ts';
import { loadSplits } from '../../datasets/loadSplits.ts';
import { Cleanup } from '../cleanup.ts';
import { itemBar } from '../console/bars.ts';
import { untilInterrupted } from '../console/interrupt.ts';
import { noteOnce } from '../console/noteOnce.ts';
import { UsageError } from '../errors.ts';
import { lockFolder } from '../files/folderLock.ts';
import { show, tell } from '../terminal.ts';
import type { ConvertFlags, DownloadFlags, InfoFlags, SplitFlags } from './data.ts';
import { downloading } from './downloading.ts';

/** The splits that the flags name. */
function splitsOf(name: string, flags: SplitFlags) {
  const source = {
    name,
    folder: flags.dataset_dir,
    validationShare: flags.validation_split,
    seed: flags.validation_seed,
    maxPixels: flags.max_image_megapixels * 2 ** 20,
    maxBytes: flags.max_data_memory_mb * 2 ** 20,
    onBadItem: flags.on_bad_item,
    onNote: noteOnce,
    onSkipped: (skipped: readonly SkippedItem[]) => {
      for (const { itemIndex, reason } of skipped) {
        tell(`left out item ${itemIndex}: ${reason}`);
      }
    },
  };
  return loadSplits(source, flags.image_size, flags.dataset_split_name);
}

function expectText(value: string, name: string, what: string): void {
  if (value === '') throw new UsageError(`--${name}: missing; expected ${what}.`);
}

/**
 * Writes the splits of a data set in another form. One that an interrupt stops leaves whole splits alone.
 *
 * @throws UserError  when that cannot be done, or another process writes to the folder
 */
export async function convert(flags: ConvertFlags): Promise<void> {
  expectText(flags.from, 'from', 'the name of a data set');
  expectText(flags.output_dir, 'output_dir', 'a folder to write to');
  const { output_dir: folder, num_shards: numShards } = flags;
  const write = flags.to === 'tfrecord' ? writeTfrecords : writeImageFolder;
  const writeSplits = async (signal: AbortSignal, cleanup: Cleanup) => {
    const lock = await lockFolder(folder, '--output_dir', { signal });
    cleanup.add(() => lock.release());
    for await (const source of splitsOf(flags.from, flags)) {
      const dataset = { ...expectImages(source), name: flags.output_name ?? source.name };
      const bar = itemBar(dataset.split, dataset.items.length);
      try {
        await write(dataset, { folder, numShards, onProgress: bar.update, signal });
      } finally {
        bar.stop();
      }
      show(`wrote ${dataset.items.length} items of ${dataset.split} to ${folder}\n`);
    }
  };
  await untilInterrupted((signal) => Cleanup.after((cleanup) => writeSplits(signal, cleanup)));
}

/** Downloads what is missing of a data set. @throws UserError  when no server gives it */
export async function download(name: DownloadName, flags: DownloadFlags): Promise<void> {
  expectText(flags.output_dir, 'output_dir', 'a folder to write to');
  const { output_dir: folder } = flags;
  await downloading('data download', async (signal, onProgress) => {
    const added = await downloadDataset(name, {
      folder,
      baseUrl: flags.base_url,
      timeoutMs: 1000 * flags.timeout_secs,
      onProgress,
      signal,
    });
    show(
      added.length === 0
        ? `${folder} has ${name} already\n`
        : `downloaded ${added.join(', ')} to ${folder}: use --dataset_name=${name} --dataset_dir=${folder}\n`,
    );
  });
}

/** Prints what the splits of a data set hold. @throws UserError  when they cannot be read */
export async function info(flags: InfoFlags): Promise<void> {
  const { output_dir: folder, max_items_per_class: maxItems } = flags;
  for await (const dataset of splitsOf(flags.dataset_name, flags)) {
    if (dataset.kind === 'texts') {
      show(`${textsText(dataset, describeTexts(dataset))}\n`);
      continue;
    }
    const description = await describeDataset(dataset);
    show(`${imagesText(dataset, description)}\n`);
    if (folder !== undefined) await writePictures(dataset, description, folder, maxItems);
  }
}
