/** `losslens data`: downloads data sets, looks at them, and writes them in other forms. */
import { Argument, Command } from 'commander';
import { writeImageFolder, writeTfrecords } from '../../datasets/convert.ts';
import { expectImages } from '../../datasets/dataset.ts';
import { writePictures } from '../../datasets/datasetPictures.ts';
import { describeDataset } from '../../datasets/describe.ts';
import { describeTexts } from '../../datasets/describeTexts.ts';
import { imagesText, textsText } from '../../datasets/descriptionText.ts';
import {
  type DownloadName,
  downloadDataset,
  downloadNames,
} from '../../datasets/download/download.ts';
import type { SkippedItem } from '../../datasets/images/encodedDataset.ts';
import { loadSplits } from '../../datasets/loadSplits.ts';
import { downloadBars, itemBar } from '../console/bars.ts';
import { noteOnce } from '../console/noteOnce.ts';
import { UsageError } from '../errors.ts';
import { show, tell } from '../terminal.ts';
import { type FlagEffect, withEffects } from './flagEffects.ts';
import {
  addFlags,
  choice,
  type FlagValues,
  integer,
  list,
  optionalInteger,
  optionalText,
  real,
  text,
} from './flags.ts';
import { sourceFlagEffects, sourceFlags } from './sourceFlags.ts';

const splitFlags = {
  ...sourceFlags,
  dataset_split_name: list('splits; by default all'),
  image_size: optionalInteger('side that compressed images are resized and cropped to, in pixels', {
    min: 1,
  }),
};

const convertFlags = {
  Source: { from: text('', 'data set that is read, as --dataset_name of train'), ...splitFlags },
  Target: {
    to: choice(['tfrecord', 'folder'] as const, 'tfrecord', 'form that is written'),
    output_dir: text('', 'folder that is written to'),
    output_name: optionalText('name of the TFRecords; by default that of the source'),
    num_shards: integer(1, 'TFRecord files of each split', { min: 1, max: 99_999 }),
  },
};

const infoFlags = {
  Source: {
    dataset_name: text('digits', 'data set, as --dataset_name of train'),
    ...splitFlags,
  },
  Pictures: {
    output_dir: optionalText('folder for the mean image and a contact sheet of each class as PNG'),
    max_items_per_class: integer(160, 'items of a contact sheet at most', { min: 1 }),
  },
};

const downloadFlags = {
  Download: {
    output_dir: text('', 'folder that is written to, for --dataset_dir'),
    base_url: optionalText('folder of a server that has the files, instead of the known ones'),
    timeout_secs: real(30, 'seconds without a byte after which the next address is tried', {
      min: 0.01,
    }),
  },
};

type SplitFlags = FlagValues<{ Source: typeof splitFlags }>;
type ConvertFlags = FlagValues<typeof convertFlags>;
type InfoFlags = FlagValues<typeof infoFlags>;

const convertEffects: readonly FlagEffect<ConvertFlags>[] = [
  ...sourceFlagEffects,
  {
    flags: ['num_shards', 'output_name'],
    missing: ({ to }) => (to === 'tfrecord' ? undefined : `with --to=${to}`),
  },
];

const infoEffects: readonly FlagEffect<InfoFlags>[] = [
  ...sourceFlagEffects,
  {
    flags: ['max_items_per_class'],
    missing: ({ output_dir }) => (output_dir === undefined ? 'without --output_dir' : undefined),
  },
];

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

async function convert(flags: ConvertFlags): Promise<void> {
  expectText(flags.from, 'from', 'the name of a data set');
  expectText(flags.output_dir, 'output_dir', 'a folder to write to');
  const { output_dir: folder, num_shards: numShards } = flags;
  const write = flags.to === 'tfrecord' ? writeTfrecords : writeImageFolder;
  for await (const source of splitsOf(flags.from, flags)) {
    const dataset = { ...expectImages(source), name: flags.output_name ?? source.name };
    const bar = itemBar(dataset.split, dataset.items.length);
    try {
      await write(dataset, { folder, numShards, onProgress: bar.update });
    } finally {
      bar.stop();
    }
    show(`wrote ${dataset.items.length} items of ${dataset.split} to ${folder}\n`);
  }
}

async function download(
  name: DownloadName,
  flags: FlagValues<typeof downloadFlags>,
): Promise<void> {
  expectText(flags.output_dir, 'output_dir', 'a folder to write to');
  const bars = downloadBars();
  try {
    const added = await downloadDataset(name, {
      folder: flags.output_dir,
      baseUrl: flags.base_url,
      timeoutMs: 1000 * flags.timeout_secs,
      onProgress: bars.update,
    });
    show(
      added.length === 0
        ? `${flags.output_dir} has ${name} already\n`
        : `downloaded ${added.join(', ')} to ${flags.output_dir}: use --dataset_name=${name} --dataset_dir=${flags.output_dir}\n`,
    );
  } finally {
    bars.stop();
  }
}

async function info(flags: InfoFlags): Promise<void> {
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

/** The command `data` with its subcommands `download`, `convert` and `info`. */
export function dataCommand(): Command {
  const command = new Command('data').description(
    'downloads data sets, looks at them, and writes other forms',
  );
  addFlags(
    command
      .command('download')
      .description('downloads a data set that others publish; what broke off before goes on')
      .addArgument(new Argument('<name>', 'data set').choices(downloadNames)),
    downloadFlags,
  ).action(download);
  const convertCommand = command
    .command('convert')
    .description("writes a data set as TF-Slim's TFRecords or as an image folder, without loss");
  withEffects(addFlags(convertCommand, convertFlags), convertEffects).action(convert);
  const infoCommand = command
    .command('info')
    .description('says what a data set holds: items, classes, means, equal images');
  withEffects(addFlags(infoCommand, infoFlags), infoEffects).action(info);
  return command;
}
