/** `run.json`: everything that is needed to say what a run was, and to run it again. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import type { Precision } from '../engines/precision.ts';
import { UserError } from '../errors.ts';
import { replaceFile } from '../files/replaceFile.ts';
import { packageRoot } from '../packageRoot.ts';

/** What is recorded of a run. */
export interface RunRecord {
  /** Every flag with its resolved value. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly engine: { readonly name: string; readonly reason: string };
  readonly precision: Precision;
  readonly dataset: {
    readonly name: string;
    readonly split: string;
    readonly items: number;
    readonly classes: readonly string[];
    /** Of the images in their source: 1 grey, 3 RGB. */
    readonly channels?: number;
  };
}

/** Writes `run.json` into the folder of the run. */
export async function writeRunRecord(folder: string, record: RunRecord): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  const content = {
    started: new Date().toISOString(),
    ...record,
    versions: { losslens: version, node: process.versions.node },
    machine: {
      platform: `${process.platform} ${release()} ${process.arch}`,
      processors: cpus().length,
      processor: cpus()[0]?.model ?? 'unknown',
    },
  };
  await replaceFile(join(folder, 'run.json'), `${JSON.stringify(content, null, 2)}\n`);
}

/**
 * Reads the record of the run in a folder.
 *
 * @returns  undefined when the folder holds none
 * @throws UserError  when run.json is damaged or lacks a part
 */
export async function readRunRecord(folder: string): Promise<RunRecord | undefined> {
  const path = join(folder, 'run.json');
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UserError(`${path}: cannot be read (${(error as Error).message}).`);
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
  return record!;
}

/** The flags of the run in a folder, by name; undefined when it holds none. */
export async function readRunFlags(
  folder: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  return (await readRunRecord(folder))?.flags;
}
