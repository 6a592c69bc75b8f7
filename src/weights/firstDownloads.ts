/** What files were when they were first downloaded: the hashes of those of which nobody has published any. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unreadable } from '../errors.ts';
import { makeFolder } from '../files/makeFolder.ts';
import { replaceFile } from '../files/replaceFile.ts';
import { weightsFolder } from './byName.ts';

/** Where they are kept, in the form of `sha256sum`. */
export function firstDownloadsFile(): string {
  return join(weightsFolder(), 'SHA256SUMS');
}

/** The SHA-256 of each file by its name. @throws UserError  when they cannot be read */
export async function readFirstDownloads(): Promise<Map<string, string>> {
  const path = firstDownloadsFile();
  if (!existsSync(path)) return new Map();
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
  const lines = [...text.matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm)];
  return new Map(lines.map(([, sha256, file]) => [file!, sha256!]));
}

/** Remembers the hash of a file that was downloaded for the first time. */
export async function rememberDownload(file: string, sha256: string): Promise<void> {
  const known = await readFirstDownloads();
  const lines = [...known.set(file, sha256)].map(([name, hash]) => `${hash}  ${name}\n`);
  await makeFolder(weightsFolder());
  await replaceFile(firstDownloadsFile(), lines.join(''));
}
