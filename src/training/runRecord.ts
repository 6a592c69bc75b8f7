/** `run.json`: everything that is needed to say what a run was, and to run it again. */
import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../packageRoot.ts';
import { replaceFile } from '../replaceFile.ts';
import type { Precision } from './precision.ts';

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
