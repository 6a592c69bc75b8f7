/** Downloads one file: from the first of several addresses that gives it, whole and as expected. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError, writeError } from '../errors.ts';
import { expectFreeSpace } from './freeSpace.ts';
import { openRequests, proxyOf, type Requests } from './requests.ts';

/** A file as it has to be, as far as that is known; hashes are in hexadecimal digits. */
export interface ExpectedFile {
  /** undefined: what the server says */
  readonly bytes?: number | undefined;
  readonly md5?: string | undefined;
  readonly sha256?: string | undefined;
  /** Where the hash is from: ends the message that another one was found. */
  readonly hashFrom?: string | undefined;
}

/** Where what has come of a file lies until all of it has. */
export function partFileOf(path: string): string {
  return `${path}.part`;
}

/** How a file is downloaded. */
export interface DownloadOptions extends ExpectedFile {
  /** Where the file is, in the order in which they are tried. */
  readonly urls: readonly string[];
  /** Is written when all of it has come; what has come before lies in `partFileOf` it. */
  readonly path: string;
  /** Without a byte for so long, an address is given up. */
  readonly timeoutMs: number;
  /** Ends it; what has come stays, to go on with. */
  readonly signal?: AbortSignal | undefined;
  /** Is told of the bytes that are there, and of how many there will be, where that is known. */
  readonly onProgress?: ((bytes: number, ofBytes: number | undefined) => void) | undefined;
}

/** A download under way. */
interface Download extends DownloadOptions {
  readonly requests: Requests;
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

/**
 * A hash of a file, in hexadecimal digits.
 *
 * @param algorithm  as OpenSSL names it, such as 'sha256'
 */
export async function hashOf(path: string, algorithm: 'md5' | 'sha256'): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** What is wrong with the content of a file; undefined when nothing is that is known of it. */
async function wrongHash(path: string, expected: ExpectedFile): Promise<string | undefined> {
  for (const algorithm of ['md5', 'sha256'] as const) {
    const wanted = expected[algorithm];
    if (wanted === undefined) continue;
    const found = await hashOf(path, algorithm);
    if (found !== wanted) {
      const name = algorithm === 'md5' ? 'MD5' : 'SHA-256';
      const origin = expected.hashFrom === undefined ? '' : `, ${expected.hashFrom}`;
      return `their ${name} is ${found}; expected ${wanted}${origin}`;
    }
  }
  return undefined;
}

/** Whether a file is there and as expected; one of which no size is known is not. */
export async function isComplete(path: string, expected: ExpectedFile): Promise<boolean> {
  return (await sizeOf(path)) === expected.bytes && (await wrongHash(path, expected)) === undefined;
}

/** What a failed request says: fetch hides the cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message || String(cause) : message;
}

/** What a response gives of a file. */
interface FilePart {
  /** The byte at which its body starts. */
  readonly start: number;
  /** Bytes of the whole file; undefined when neither the server nor the caller says. */
  readonly total: number | undefined;
}

/** What a response gives. @throws AddressError when it is of no use */
function partOf(response: Response, asked: number, expected: number | undefined): FilePart {
  const range = response.headers.get('content-range') ?? '';
  if (response.status === 416) {
    // Nothing is behind the last byte: where no size is known, that is how it is learnt.
    const total = /^bytes \*\/(\d+)$/.exec(range)?.[1];
    return {
      start: expected === undefined && Number(total) === asked ? asked : 0,
      total: expected,
    };
  }
  if (response.status !== 200 && response.status !== 206) {
    throw new AddressError(`got status ${response.status}`);
  }
  const [, first] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
  const start = response.status === 206 ? Number(first) : 0;
  if (start !== asked && start !== 0) {
    throw new AddressError(`got a part from byte ${first}; asked for byte ${asked}`);
  }
  const length = response.headers.get('content-length');
  const total = length === null ? expected : start + Number(length);
  if (expected !== undefined && total !== expected) {
    throw new AddressError(`got ${total} bytes; expected ${expected}`);
  }
  return { start, total };
}

/**
 * Asks an address for what is missing of a file and appends what comes.
 *
 * @param total  bytes of the whole file, as far as known
 * @returns      the same when the connection ended, with the file complete or not; undefined when it broke off
 *               and nobody has said
 * @throws AddressError  when the address has no such file or gives nothing for too long
 * @throws UserError     when there is no room for the file
 */
async function appendFrom(
  url: string,
  part: string,
  total: number | undefined,
  { requests, timeoutMs, signal, onProgress }: Download,
): Promise<number | undefined> {
  signal?.throwIfAborted();
  const asked = await sizeOf(part);
  const stalled = new AbortController();
  const watch = setTimeout(() => stalled.abort(), timeoutMs);
  let file: FileHandle | undefined;
  let bytes = total;
  try {
    // As it is: what is compressed would be unpacked on the way otherwise, and no length be right.
    const headers = { 'accept-encoding': 'identity', range: `bytes=${asked}-` };
    const ended = signal === undefined ? [] : [signal];
    const response = await requests.fetch(url, {
      headers,
      signal: AbortSignal.any([stalled.signal, ...ended]),
    });
    const given = partOf(response, asked, total);
    let position = given.start;
    bytes = given.total;
    if (response.status === 416 && position === asked) return asked;
    if (bytes !== undefined) {
      await expectFreeSpace(part, dirname(part), bytes - position, 'Free some.');
    }
    // The file is opened anew when the address does not give parts.
    file = await open(part, position === 0 ? 'w' : 'a');
    if (response.status === 416 || response.body === null) return bytes;
    onProgress?.(position, bytes);
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      watch.refresh();
      position += chunk.length;
      if (bytes !== undefined && position > bytes) {
        await file.truncate(0);
        throw new AddressError(`got more than ${bytes} bytes`);
      }
      await file.writeFile(chunk);
      onProgress?.(position, bytes);
    }
    // The end of a body whose length was not said is that of the file.
    return bytes ?? position;
  } catch (error) {
    signal?.throwIfAborted();
    if (stalled.signal.aborted) throw new AddressError(`got nothing for ${timeoutMs / 1000} s`);
    if (error instanceof AddressError || error instanceof UserError) throw error;
    const { code, syscall } = error as NodeJS.ErrnoException;
    // A full disk or a folder that cannot be written to is no fault of the address.
    if (code !== undefined && (syscall === 'open' || syscall === 'write')) {
      throw writeError(part, error);
    }
    // A connection that breaks off leaves what it gave; one that never was leaves nothing.
    if (file === undefined) throw new AddressError(reasonOf(error));
    if ((await sizeOf(part)) === asked) {
      throw new AddressError(
        `broke off after ${asked}${ofBytes(bytes)} bytes (${reasonOf(error)})`,
      );
    }
    return bytes;
  } finally {
    clearTimeout(watch);
    await file?.sync().catch(() => {});
    await file?.close();
    // Frees the connection where not all of the body was taken.
    stalled.abort();
  }
}

const ofBytes = (bytes: number | undefined) => (bytes === undefined ? '' : ` of ${bytes}`);

/** Has one address give the whole file. @throws AddressError when it does not */
async function downloadFrom(url: string, part: string, options: Download): Promise<void> {
  let total = options.bytes;
  for (let breaks = 0; total === undefined || (await sizeOf(part)) !== total; breaks++) {
    if (breaks > maxBreaks) {
      throw new AddressError(`broke off after ${await sizeOf(part)}${ofBytes(total)} bytes`);
    }
    total = await appendFrom(url, part, total, options);
  }
  const wrong = await wrongHash(part, options);
  if (wrong === undefined) return;
  await rm(part);
  throw new AddressError(`got other bytes: ${wrong}`);
}

/** Which proxy is asked for an address, for messages; nothing when it is asked itself. */
function throughProxy(url: string): string {
  const proxy = proxyOf(url);
  return proxy === undefined ? '' : ` (through the proxy ${proxy.address} of ${proxy.variable})`;
}

/**
 * Downloads a file. One that breaks off goes on where it ended, also in a later call. The file
 * appears under its name when its size and hashes are right, as far as these are known.
 *
 * @returns  the address that gave it
 * @throws the signal's reason when that ends it
 * @throws UserError  saying what each address answered, when none gives the file; or that there is no room
 */
export async function downloadFile(options: DownloadOptions): Promise<string> {
  const { urls, path, bytes } = options;
  const part = partFileOf(path);
  // What is too long is of no use, nor what is whole but wrong.
  const before = await sizeOf(part);
  if (bytes !== undefined) {
    const isWrong = before === bytes && !(await isComplete(part, options));
    if (before > bytes || isWrong) await rm(part, { force: true });
  }
  const problems: string[] = [];
  const requests = await openRequests();
  try {
    for (const url of urls) {
      const resumed = (await sizeOf(part)) > 0;
      // A part of another day or address may not belong to this file: then it is tried from the start.
      for (const attempt of resumed ? [1, 2] : [1]) {
        try {
          await downloadFrom(url, part, { ...options, requests });
          await rename(part, path);
          return url;
        } catch (error) {
          if (!(error instanceof AddressError)) throw error;
          if (attempt === 1 && resumed && (await sizeOf(part)) === 0) continue;
          problems.push(`${url}${throughProxy(url)} ${error.message}`);
          break;
        }
      }
    }
  } finally {
    await requests.close();
  }
  throw new UserError(
    `${path}: no address gives it: ${problems.join('; ')}. Try again later, or name another place by --base_url.`,
  );
}
