/** Downloads one file: from the first of several addresses that gives it, whole and as expected. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { UserError, writeError } from '../../src/errors.ts';

/** A file as it has to be. */
export interface ExpectedFile {
  readonly bytes: number;
  /** In hexadecimal digits. */
  readonly md5: string;
}

/** How a file is downloaded. */
export interface DownloadOptions extends ExpectedFile {
  /** Where the file is, in the order in which they are tried. */
  readonly urls: readonly string[];
  /** Is written when all of it has come; what has come before lies in `${path}.part`. */
  readonly path: string;
  /** Without a byte for so long, an address is given up. */
  readonly timeoutMs: number;
  /** Is told of the bytes that are there. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** Connections to one address that may end early, each going on where the one before ended. */
const maxBreaks = 5;

/** Why an address did not give the file; the next one may. */
class AddressError extends Error {}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Whether a file is there and as expected. */
export async function isComplete(path: string, { bytes, md5 }: ExpectedFile): Promise<boolean> {
  return (await sizeOf(path)) === bytes && (await md5Of(path)) === md5;
}

/** What a failed request says: fetch hides the cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message || String(cause) : message;
}

/** The byte at which the body of a response starts. @throws AddressError when it is of no use */
function startOf(response: Response, asked: number, expected: number): number {
  if (response.status === 416) return 0;
  if (response.status !== 200 && response.status !== 206) {
    throw new AddressError(`got status ${response.status}`);
  }
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  const start = response.status === 206 ? Number(range?.[1]) : 0;
  if (start !== asked && start !== 0) {
    throw new AddressError(`got a part from byte ${range?.[1]}; asked for byte ${asked}`);
  }
  const length = response.headers.get('content-length');
  const total = length === null ? expected : start + Number(length);
  if (total !== expected) throw new AddressError(`got ${total} bytes; expected ${expected}`);
  return start;
}

/**
 * Asks an address for what is missing of a file and appends what comes.
 *
 * @returns  when the connection ended, with the file complete or not
 * @throws AddressError  when the address has no such file or gives nothing for too long
 */
async function appendFrom(url: string, part: string, options: DownloadOptions): Promise<void> {
  const { bytes, timeoutMs, onProgress } = options;
  const asked = await sizeOf(part);
  const stalled = new AbortController();
  const watch = setTimeout(() => stalled.abort(), timeoutMs);
  let file: FileHandle | undefined;
  try {
    // As it is: what is compressed would be unpacked on the way otherwise, and no length be right.
    const headers = { 'accept-encoding': 'identity', range: `bytes=${asked}-` };
    const response = await fetch(url, { headers, signal: stalled.signal });
    let position = startOf(response, asked, bytes);
    // The file is opened anew when the address does not give parts.
    file = await open(part, position === 0 ? 'w' : 'a');
    if (response.status === 416 || response.body === null) return;
    onProgress?.(position);
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      watch.refresh();
      position += chunk.length;
      if (position > bytes) {
        await file.truncate(0);
        throw new AddressError(`got more than ${bytes} bytes`);
      }
      await file.writeFile(chunk);
      onProgress?.(position);
    }
  } catch (error) {
    if (stalled.signal.aborted) throw new AddressError(`got nothing for ${timeoutMs / 1000} s`);
    if (error instanceof AddressError) throw error;
    const { code, syscall } = error as NodeJS.ErrnoException;
    // A full disk or a folder that cannot be written to is no fault of the address.
    if (code !== undefined && (syscall === 'open' || syscall === 'write')) {
      throw writeError(part, error);
    }
    // A connection that breaks off leaves what it gave; one that never was leaves nothing.
    if (file === undefined) throw new AddressError(reasonOf(error));
    if ((await sizeOf(part)) === asked) {
      throw new AddressError(`broke off after ${asked} of ${bytes} bytes (${reasonOf(error)})`);
    }
  } finally {
    clearTimeout(watch);
    await file?.sync().catch(() => {});
    await file?.close();
    // Frees the connection where not all of the body was taken.
    stalled.abort();
  }
}

/** Has one address give the whole file. @throws AddressError when it does not */
async function downloadFrom(url: string, part: string, options: DownloadOptions): Promise<void> {
  const { bytes, md5 } = options;
  for (let breaks = 0; (await sizeOf(part)) !== bytes; breaks++) {
    if (breaks > maxBreaks) {
      throw new AddressError(`broke off after ${await sizeOf(part)} of ${bytes} bytes`);
    }
    await appendFrom(url, part, options);
  }
  const found = await md5Of(part);
  if (found === md5) return;
  await rm(part);
  throw new AddressError(`got other bytes: their MD5 is ${found}; expected ${md5}`);
}

/**
 * Downloads a file. One that breaks off goes on where it ended, also in a later call. The file
 * appears under its name when its size and checksum are right.
 *
 * @throws UserError  saying what each address answered, when none gives the file
 */
export async function downloadFile(options: DownloadOptions): Promise<void> {
  const { urls, path } = options;
  const part = `${path}.part`;
  // What is too long is of no use, nor what is whole but wrong.
  const before = await sizeOf(part);
  const isWrong = before === options.bytes && !(await isComplete(part, options));
  if (before > options.bytes || isWrong) await rm(part, { force: true });
  const problems: string[] = [];
  for (const url of urls) {
    const resumed = (await sizeOf(part)) > 0;
    // A part of another day or address may not belong to this file: then it is tried from the start.
    for (const attempt of resumed ? [1, 2] : [1]) {
      try {
        await downloadFrom(url, part, options);
        await rename(part, path);
        return;
      } catch (error) {
        if (!(error instanceof AddressError)) throw error;
        if (attempt === 1 && resumed && (await sizeOf(part)) === 0) continue;
        problems.push(`${url} ${error.message}`);
        break;
      }
    }
  }
  throw new UserError(
    `${path}: no address gives it: ${problems.join('; ')}. Try again later, or name another place by --base_url.`,
  );
}
