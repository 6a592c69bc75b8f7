/** `losslens data`: downloads data sets, looks at them, and writes them in other forms. */
import { Argument, type Command } from 'commander';
import { type DownloadName, downloadNames } from '../../datasets/download/downloadName.ts';
import { UsageError } from '../errors.ts';
import { type FlagEffect, withEffects } from './flagEffects.ts';
import {
  addFlags,
  choice,
  type Flag,
  type FlagValues,
  integer,
  list,
  optionalInteger,
  optionalText,
  optionalUrl,
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

const outputName: Flag<string | undefined> = {
  ...optionalText('name of the TFRecords; by default that of the source'),
  parse: (value, name) => {
    if (value !== '' && !/[/\\\0]/.test(value)) return value;
    throw new UsageError(
      `--${name}: got "${value}"; expected a name without / and \\; --output_dir names the folder.`,
    );
  },
};

const convertFlags = {
  Source: { from: text('', 'data set that is read, as --dataset_name of train'), ...splitFlags },
  Target: {
    to: choice(['tfrecord', 'folder'] as const, 'tfrecord', 'form that is written'),
    output_dir: text('', 'folder that is written to'),
    output_name: outputName,
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
    base_url: optionalUrl('folder of a server that has the files, instead of the known ones'),
    timeout_secs: real(30, 'seconds without a byte after which the next address is tried', {
      min: 0.01,
    }),
  },
};

/** Flags that name splits of a data set, in `convert` and `info` alike. */
export type SplitFlags = FlagValues<{ Source: typeof splitFlags }>;
/** The values of the flags of `losslens data convert`. */
export type ConvertFlags = FlagValues<typeof convertFlags>;
/** The values of the flags of `losslens data info`. */
export type InfoFlags = FlagValues<typeof infoFlags>;
/** The values of the flags of `losslens data download`. */
export type DownloadFlags = FlagValues<typeof downloadFlags>;

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

/** Declares the subcommands `download`, `convert` and `info` of `losslens data`. */
export function declareData(command: Command): void {
  const downloadCommand = command
    .command('download')
    .description('Download a data set that others publish; what broke off before goes on.')
    .addArgument(new Argument('<name>', 'data set').choices(downloadNames));
  addFlags(downloadCommand, downloadFlags).action(
    async (name: DownloadName, flags: DownloadFlags) =>
      (await import('./dataActions.ts')).download(name, flags),
  );
  const convertCommand = command
    .command('convert')
    .description("Write a data set as TF-Slim's TFRecords or as an image folder, without loss.");
  withEffects(addFlags(convertCommand, convertFlags), convertEffects).action(
    async (flags: ConvertFlags) => (await import('./dataActions.ts')).convert(flags),
  );
  const infoCommand = command
    .command('info')
    .description('Say what a data set holds: items, classes, means, equal images.');
  withEffects(addFlags(infoCommand, infoFlags), infoEffects).action(async (flags: InfoFlags) =>
    (await import('./dataActions.ts')).info(flags),
  );
}
