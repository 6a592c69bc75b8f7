/** `losslens data`: downloads data sets, looks at them, and writes them in other forms. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import cliProgress from 'cli-progress';
import { Argument, Command } from 'commander';
import { writeImageFolder, writeTfrecords } from '../../datasets/convert.ts';
import { type Dataset, expectImages, type ImageDataset } from '../../datasets/dataset.ts';
import {
  contactSheet,
  type Description,
  describeDataset,
  firstItemsOfClasses,
} from '../../datasets/describe.ts';
import { describeTexts, type TextDescription } from '../../datasets/describeTexts.ts';
import {
  type DownloadName,
  downloadDataset,
  downloadNames,
} from '../../datasets/download/download.ts';
import { type DatasetOptions, listSplits, loadDataset } from '../../datasets/factory.ts';
import { encodePng } from '../../datasets/images/encodePng.ts';
import { noteOnce } from '../console/noteOnce.ts';
import { UsageError } from '../errors.ts';
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
import { sourceFlags } from './sourceFlags.ts';

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

type SourceFlags = FlagValues<{ Source: typeof splitFlags }>;

/** Loads the splits that the flags name, one at a time. */
async function* loadSplits(
  name: string,
  flags: SourceFlags,
): AsyncGenerator<Dataset, void, undefined> {
  const source: Omit<DatasetOptions, 'split'> = {
    name,
    folder: flags.dataset_dir,
    size: flags.image_size === undefined ? null : { side: flags.image_size, fit: 'crop' },
    validationShare: flags.validation_split,
    seed: flags.validation_seed,
    maxPixels: flags.max_image_megapixels * 2 ** 20,
    maxBytes: flags.max_data_memory_mb * 2 ** 20,
    onBadItem: flags.on_bad_item,
    onNote: noteOnce,
    onSkipped: (skipped) => {
      for (const { itemIndex, reason } of skipped) {
        process.stderr.write(`left out item ${itemIndex}: ${reason}\n`);
      }
    },
  };
  const named = flags.dataset_split_name;
  for (const split of named.length > 0 ? named : await listSplits(source)) {
    yield await loadDataset({ ...source, split });
  }
}

function expectText(value: string, name: string, what: string): void {
  if (value === '') throw new UsageError(`--${name}: missing; expected ${what}.`);
}

async function convert(flags: FlagValues<typeof convertFlags>): Promise<void> {
  expectText(flags.from, 'from', 'the name of a data set');
  expectText(flags.output_dir, 'output_dir', 'a folder to write to');
  const { output_dir: folder, num_shards: numShards } = flags;
  for await (const source of loadSplits(flags.from, flags)) {
    const dataset = { ...expectImages(source), name: flags.output_name ?? source.name };
    const bar = new cliProgress.SingleBar(
      { format: `${dataset.split} {bar} {value}/{total} items`, stream: process.stderr },
      cliProgress.Presets.shades_classic,
    );
    bar.start(dataset.items.length, 0);
    const options = { folder, numShards, onProgress: (items: number) => bar.update(items) };
    try {
      await (flags.to === 'tfrecord' ? writeTfrecords : writeImageFolder)(dataset, options);
    } finally {
      bar.stop();
    }
    process.stdout.write(`wrote ${dataset.items.length} items of ${dataset.split} to ${folder}\n`);
  }
}

async function download(
  name: DownloadName,
  flags: FlagValues<typeof downloadFlags>,
): Promise<void> {
  expectText(flags.output_dir, 'output_dir', 'a folder to write to');
  const bars = new cliProgress.MultiBar(
    { format: '{file} {bar} {value}/{total} MB, {eta_formatted}', stream: process.stderr },
    cliProgress.Presets.shades_classic,
  );
  const barOf = new Map<string, cliProgress.SingleBar>();
  const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10;
  try {
    const added = await downloadDataset(name, {
      folder: flags.output_dir,
      baseUrl: flags.base_url,
      timeoutMs: 1000 * flags.timeout_secs,
      onProgress: (file, bytes, ofBytes) => {
        const bar = barOf.get(file) ?? bars.create(megabytes(ofBytes), 0, { file });
        barOf.set(file, bar);
        bar.update(megabytes(bytes));
      },
    });
    process.stdout.write(
      added.length === 0
        ? `${flags.output_dir} has ${name} already\n`
        : `downloaded ${added.join(', ')} to ${flags.output_dir}: use --dataset_name=${name} --dataset_dir=${flags.output_dir}\n`,
    );
  } finally {
    if (barOf.size > 0) bars.stop();
  }
}

/** Lines that say how many items each class has. */
function classLines({ classNames }: Dataset, classCounts: readonly number[]): string[] {
  const width = Math.max(...classNames.map((name) => name.length));
  return [
    'items of each class:',
    ...classNames.map(
      (name, label) => `  ${String(label).padStart(4)} ${name.padEnd(width)} ${classCounts[label]}`,
    ),
  ];
}

/** Lines that name the first groups of equal items. */
function duplicateLines(what: string, duplicates: readonly (readonly number[])[]): string[] {
  const shown = duplicates.slice(0, 10).map((items) => `  items ${items.join(' = ')}`);
  if (duplicates.length > shown.length) shown.push(`  … ${duplicates.length - shown.length} more`);
  return [`groups of items with equal ${what}: ${duplicates.length}`, ...shown];
}

/** A split of images in lines for people. */
function imagesInWords(dataset: ImageDataset, description: Description): string {
  const { classCounts, channelMeans, channelStddevs, extents, duplicates } = description;
  const numbers = (values: readonly number[]) => values.map((v) => v.toFixed(2)).join(' ');
  const [smallest, largest] = extents.map((extent) => extent.join('×')) as [string, string];
  const size = smallest === largest ? smallest : `${smallest} to ${largest}`;
  return [
    `${dataset.name}, ${dataset.split}: ${dataset.items.length} items of ${size}×${dataset.imageShape[2]}`,
    `mean of each channel ${numbers(channelMeans)}, standard deviation ${numbers(channelStddevs)}`,
    ...classLines(dataset, classCounts),
    ...duplicateLines('images', duplicates),
    '',
  ].join('\n');
}

/** A split of texts in lines for people. */
function textsInWords(dataset: Dataset, description: TextDescription): string {
  const { classCounts, lengths, tokens, words, duplicates } = description;
  const [shortest, median, longest] = lengths;
  return [
    `${dataset.name}, ${dataset.split}: ${dataset.items.length} texts of ${shortest} to ${longest} tokens, ${median} in the middle`,
    `${tokens} tokens, ${words} different words`,
    ...classLines(dataset, classCounts),
    ...duplicateLines('texts', duplicates),
    '',
  ].join('\n');
}

/** A class name as the part of a file name. */
function fileNameOf(label: number, className: string): string {
  return `${String(label).padStart(4, '0')}-${className.replaceAll(/[^\p{L}\p{N}_-]+/gu, '_')}.png`;
}

async function info(flags: FlagValues<typeof infoFlags>): Promise<void> {
  const { output_dir: folder, max_items_per_class: maxItems } = flags;
  for await (const dataset of loadSplits(flags.dataset_name, flags)) {
    if (dataset.kind === 'texts') {
      process.stdout.write(`${textsInWords(dataset, describeTexts(dataset))}\n`);
      continue;
    }
    const description = await describeDataset(dataset);
    process.stdout.write(`${imagesInWords(dataset, description)}\n`);
    if (folder === undefined) continue;
    const splitFolder = join(folder, dataset.split);
    await mkdir(splitFolder, { recursive: true });
    if (description.meanImage !== null) {
      await writeFile(join(splitFolder, 'mean.png'), await encodePng(description.meanImage));
    }
    for (const [label, items] of firstItemsOfClasses(dataset, maxItems).entries()) {
      if (items.length === 0) continue;
      const path = join(splitFolder, fileNameOf(label, dataset.classNames[label]!));
      await writeFile(path, await encodePng(await contactSheet(dataset, items)));
    }
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
  addFlags(
    command
      .command('convert')
      .description("writes a data set as TF-Slim's TFRecords or as an image folder, without loss"),
    convertFlags,
  ).action(convert);
  addFlags(
    command
      .command('info')
      .description('says what a data set holds: items, classes, means, equal images'),
    infoFlags,
  ).action(info);
  return command;
}
