/** `weights.json`: what lies in a folder of published weights. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unreadable } from '../errors.ts';
import { recordFile } from './byName.ts';

/** What was got, kept beside the checkpoint in weights.json. */
export interface GotWeights {
  /** As --model_name has it, too. */
  readonly name: string;
  /** Outputs of the network, in the order of ImageNet's, behind a background class where they are 1,001. */
  readonly classes: number;
  readonly license: string;
  readonly publisher: string;
  /** Where the file came from: an address, or what pip was asked for. */
  readonly source: string;
  /** Of the file that was downloaded. */
  readonly sha256: string;
  /** Whether its publisher says this hash, or it is that of the first download. */
  readonly isPublishedHash: boolean;
}

/** Reads what a folder of weights says of them. @returns undefined when it holds none */
export async function readWeightsRecord(folder: string): Promise<GotWeights | undefined> {
  const path = join(folder, recordFile);
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(await readFile(path, 'utf8')) as GotWeights;
  } catch (error) {
    throw unreadable(path, error);
  }
}
