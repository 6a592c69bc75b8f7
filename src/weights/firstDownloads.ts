/** What files were when they were first downloaded: the hashes of those of which nobody has published any. */
import { existsSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unreadable, writeError } from '../errors.ts';
import { makeFolder } from '../files/makeFolder.ts';
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
  // Of two that downloaded the same at once, the first line counts.
  return new Map(lines.reverse().map(([, sha256, file]) => [file!, sha256!]));
}

/**
 * Remembers the hash of a file that was downloaded for the first time. Others may do so at the same time, of what they
 * get into other folders: of lines that are appended none is lost.
 *
 * @throws WriteError  when it cannot be written
 */
export async function rememberDownload(file: string, sha256: string): Promise<void> {
  const path = firstDownloadsFile();
  await makeFolder(weightsFolder());
  try {
    const before = existsSync(path) ? await readFile(path, 'utf8') : '';
    // A power cut may have left half a line, which the new one is not to become a part of.
    const separator = before === '' || before.endsWith('\n') ? '' : '\n';
    await appendFile(path, `${separator}${sha256}  ${file}\n`, { flush: true });
  } catch (error) {
    throw writeError(path, error);
  }
}
