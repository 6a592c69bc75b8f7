/** `run.json`: everything that is needed to say what a run was, and to run it again. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { join, resolve } from 'node:path';
import type { Precision } from '../engines/precision.ts';
import { isMissing, UserError, unreadable } from '../errors.ts';
import { expectNoPipes } from '../files/expectNoPipes.ts';
import { replaceFile } from '../files/replaceFile.ts';
import { packageRoot } from '../packageRoot.ts';
import { networkModuleSha256 } from './networkModule.ts';

type Flags = Readonly<Record<string, unknown>>;

/** Flags that are paths: recorded as absolute ones, so that they hold in every folder. */
const pathFlags: readonly string[] = ['dataset_dir', 'labels_file', 'checkpoint_path', 'train_dir'];

/** What is recorded of a run; of one that was resumed, as its latest start had it. */
export interface RunRecord {
  /** Every flag with its resolved value; paths are absolute. */
  readonly flags: Flags;
  readonly engine: { readonly name: string; readonly reason: string };
  readonly precision: Precision;
  readonly dataset: {
    readonly name: string;
    readonly split: string;
    readonly items: number;
    readonly classes: readonly string[];
    /** Of the images in their source: 1 grey, 3 RGB. */
    readonly channels?: number;
    /** From `digestOf`: of the items that are trained on and their labels. */
    readonly digest?: string;
    /** Of the words that the network knows, hexadecimal; undefined for images, and in the records of older versions. */
    readonly vocabularySha256?: string;
  };
  /** SHA-256 of the module that --model_name named, hexadecimal; undefined for a built-in network. */
  readonly moduleSha256?: string;
  /** In their order; undefined in the records of older versions. */
  readonly starts?: readonly Start[];
}

/** What is given to be recorded of a start. */
export type NewRecord = Omit<RunRecord, 'moduleSha256' | 'starts'> & {
  /** Steps that the run had done before. */
  readonly step: number;
};

/** One start of a run: the first, or one that went on with it. */
export interface Start {
  /** ISO 8601 */
  readonly started: string;
  /** Steps done before; null where an older version recorded the start. */
  readonly step: number | null;
  /** All flags of the first start; of others those whose value changed, null where there is none now. */
  readonly flags: Flags;
  /** Of a start that went on, what these flags were before, null where there was none; older versions left it out. */
  readonly before?: Flags;
  readonly engine: RunRecord['engine'];
  readonly precision: Precision;
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, unknown>>;
}

/** A record as the file has it. */
type RecordedRun = RunRecord & Pick<Start, 'started' | 'versions' | 'machine'>;

/** The flags with absolute paths. */
function withAbsolutePaths(flags: Flags): Flags {
  return Object.fromEntries(
    Object.entries(flags).map(([name, value]) => [
      name,
      pathFlags.includes(name) && typeof value === 'string' ? resolve(value) : value,
    ]),
  );
}

/** Another value of a flag than before; null stands for none. */
export interface FlagChange {
  readonly before: unknown;
  readonly now: unknown;
}

/** Flags whose value is another than before, by name; paths are compared as absolute ones. */
export function changesOf(before: Flags, now: Flags): Readonly<Record<string, FlagChange>> {
  const text = (value: unknown) => JSON.stringify(value ?? null);
  const [old, flags] = [withAbsolutePaths(before), withAbsolutePaths(now)];
  const names = [...new Set([...Object.keys(old), ...Object.keys(flags)])];
  return Object.fromEntries(
    names
      .filter((name) => text(old[name]) !== text(flags[name]))
      .map((name) => [name, { before: old[name] ?? null, now: flags[name] ?? null }]),
  );
}

/** The starts of a recorded run; one that an older version recorded has but its latest. */
function startsOf({ starts, started, flags, engine, precision, versions, machine }: RecordedRun) {
  return Array.isArray(starts)
    ? starts
    : [{ started, step: null, flags, engine, precision, versions, machine }];
}

/**
 * Writes `run.json` into the folder of the run, once for each start. The starts before are kept.
 *
 * @throws UserError  when it cannot be written, or the one that is there is damaged
 */
export async function writeRunRecord(
  folder: string,
  { step, ...record }: NewRecord,
): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  const flags = withAbsolutePaths(record.flags);
  const moduleSha256 = await networkModuleSha256(flags['model_name']);
  const started = new Date().toISOString();
  const versions = { losslens: version, node: process.versions.node };
  const machine = {
    platform: `${process.platform} ${release()} ${process.arch}`,
    processors: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown',
  };
  const before = (await readRunRecord(folder)) as RecordedRun | undefined;
  const changes = before && Object.entries(changesOf(before.flags, flags));
  const start: Start = {
    started,
    step,
    ...(changes === undefined
      ? { flags }
      : {
          flags: Object.fromEntries(changes.map(([name, { now }]) => [name, now])),
          before: Object.fromEntries(changes.map(([name, change]) => [name, change.before])),
        }),
    engine: record.engine,
    precision: record.precision,
    versions,
    machine,
  };
  const content: RecordedRun = {
    started,
    ...record,
    flags,
    ...(moduleSha256 === undefined ? {} : { moduleSha256 }),
    versions,
    machine,
    starts: [...(before === undefined ? [] : startsOf(before)), start],
  };
  await replaceFile(join(folder, 'run.json'), `${JSON.stringify(content, null, 2)}\n`);
}

/**
 * Reads the record of the run in a folder.
 *
 * @returns  undefined when the folder holds none
 * @throws UserError  when run.json is damaged or lacks a part, or the folder holds a pipe
 */
export async function readRunRecord(folder: string): Promise<RunRecord | undefined> {
  // Of all that is read of a run, this is the first.
  await expectNoPipes(folder);
  const path = join(folder, 'run.json');
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw unreadable(path, error);
  }
  const damage = (what: string) =>
    new UserError(`${path}: is no record of a run (${what}). Delete it to do without.`);
  let record: RunRecord | null;
  try {
    record = JSON.parse(content) as RunRecord | null;
  } catch (error) {
    throw damage((error as Error).message);
  }
  for (const part of ['flags', 'precision', 'dataset'] as const) {
    if (!(record?.[part] instanceof Object)) throw damage(`it has no "${part}"`);
  }
  const dataset = record!.dataset as Readonly<Record<string, unknown>>;
  const { classes } = dataset;
  if (!Array.isArray(classes) || !classes.every((name) => typeof name === 'string')) {
    throw damage('it has no "dataset.classes"');
  }
  for (const hash of ['digest', 'vocabularySha256']) {
    if (!['string', 'undefined'].includes(typeof dataset[hash])) {
      throw damage(`its "dataset.${hash}" is no text`);
    }
  }
  return record!;
}
