/** The module of a run's network, where that is none of the built-in ones. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { unreadable } from '../errors.ts';
import { isNetworkFile } from '../nets/ownNetwork.ts';
import { tell } from '../terminal.ts';
import type { RunRecord } from './runRecord.ts';

/**
 * SHA-256 of the module that --model_name names; what it imports does not count.
 *
 * @returns  hexadecimal, or undefined for a built-in network
 * @throws UserError  when the file cannot be read
 */
export async function networkModuleSha256(modelName: unknown): Promise<string | undefined> {
  if (typeof modelName !== 'string' || !isNetworkFile(modelName)) return undefined;
  try {
    return createHash('sha256')
      .update(await readFile(modelName))
      .digest('hex');
  } catch (error) {
    throw unreadable(modelName, error, { flag: '--model_name' });
  }
}

/**
 * Says so when the module that --model_name names is not the one that a run was trained with.
 *
 * @param given   --model_name of the command line
 * @param record  of the run; undefined for none
 */
export async function tellOfOtherModule(
  folder: string,
  given: string | undefined,
  record: RunRecord | undefined,
): Promise<void> {
  const recorded = record?.moduleSha256;
  // That there is no such file is said where it is imported.
  if (recorded === undefined || given === undefined || !existsSync(given)) return;
  const sha256 = await networkModuleSha256(given);
  if (sha256 === undefined || sha256 === recorded) return;
  tell(
    `${given} is not the module that the run in ${folder} was trained with: SHA-256 ${sha256.slice(0, 12)}…, then ${recorded.slice(0, 12)}…`,
  );
}
