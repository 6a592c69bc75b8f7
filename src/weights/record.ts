/** `weights.json`: what lies in a folder of published weights. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, unreadable } from '../errors.ts';
import { isNetworkFile } from '../nets/ownNetwork.ts';
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

/** More classes has no network of those that are published. */
const maxClasses = 2 ** 18;

/**
 * Reads what a folder of weights says of them. Their name, which says what network they are of, is no path:
 * no folder that was copied from elsewhere makes its own code run.
 *
 * @returns  undefined when it holds none
 * @throws UserError  when weights.json cannot be read or says something else
 */
export async function readWeightsRecord(folder: string): Promise<GotWeights | undefined> {
  const path = join(folder, recordFile);
  if (!existsSync(path)) return undefined;
  let record: GotWeights | null;
  try {
    record = JSON.parse(await readFile(path, 'utf8')) as GotWeights | null;
  } catch (error) {
    throw unreadable(path, error);
  }
  const { name, classes } = record ?? {};
  if (typeof name === 'string' && !isNetworkFile(name) && isClasses(classes)) return record!;
  throw new UserError(
    `${path}: does not say which published weights these are; expected what losslens weights get writes.`,
  );
}

function isClasses(classes: unknown): boolean {
  return Number.isInteger(classes) && Number(classes) > 0 && Number(classes) <= maxClasses;
}
