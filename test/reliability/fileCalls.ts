/** The calls by which losslens changes files, to be counted, recorded, refused or held up. */
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { resolve } from 'node:path';

type Call = (...args: unknown[]) => unknown;
type Calls = Record<string, Call>;

/** What a call writes, and where; null: behind what was written before. */
interface Write {
  readonly bytes: Uint8Array;
  readonly at: number | null;
}

/** One call. */
export class FileCall {
  /** Such as 'open', 'write', 'rename', 'fsyncSync'. */
  readonly name: string;
  /** What it changes, absolute; '' where that is not known. */
  readonly path: string;
  /** What it is given beside the path or the descriptor. */
  readonly args: readonly unknown[];
  /** Of the open file that it changes; undefined of a call by path. */
  readonly descriptor: number | undefined;
  readonly write: Write | undefined;

  constructor(name: string, path: string, args: readonly unknown[], descriptor?: number) {
    this.name = name;
    this.path = path;
    this.args = args;
    this.descriptor = descriptor;
    this.write = writeOf(name, args);
  }

  /** Bytes that it writes. */
  get bytes(): number {
    return this.write?.bytes.length ?? 0;
  }

  /** Writes the first half of them, if it is a call by descriptor. */
  writeHalf(): void {
    if (this.descriptor === undefined || this.write === undefined) return;
    const { bytes, at } = this.write;
    writeSync(this.descriptor, bytes, 0, Math.floor(bytes.length / 2), at);
  }
}

const { writeSync } = fs;
/** Paths of the open files and folders, by descriptor. */
const paths = new Map<number, string>();

const pathCalls = [
  'rename',
  'writeFile',
  'appendFile',
  'truncate',
  'rm',
  'unlink',
  'rmdir',
  'mkdir',
];
const handleCalls = ['write', 'writeFile', 'appendFile', 'sync', 'datasync', 'truncate'];
const syncCalls = ['writeSync', 'fsyncSync'];

const isReading = ({ name, args }: FileCall) =>
  name === 'open' && (args[0] === undefined || args[0] === 'r');

function writeOf(name: string, [data, ...rest]: readonly unknown[]): Write | undefined {
  if (!/^(write|append)/.test(name) || data === undefined) return undefined;
  const isWhole = typeof data === 'string' || name.endsWith('File');
  const all = typeof data === 'string' ? Buffer.from(data) : (data as Uint8Array);
  const [offset, length] = isWhole ? [0, all.length] : (rest as number[]);
  const at = name.endsWith('File') ? null : rest[typeof data === 'string' ? 0 : 2];
  return {
    bytes: all.subarray(offset, offset! + length!),
    at: typeof at === 'number' ? at : null,
  };
}

/**
 * Has all such calls of this thread wait for a function that is told of them. What it throws, they throw.
 *
 * @param before  is not told of files that are opened for reading; for calls that do not wait, what it
 *                returns counts for nothing
 * @param after   is told of all calls that did not fail, with what they return; of `open` the descriptor
 */
export async function watchFileCalls(
  before: (call: FileCall) => void | Promise<void>,
  after: (call: FileCall, result: unknown) => void = () => {},
): Promise<void> {
  const told = async <T>(call: FileCall, action: () => Promise<T>): Promise<T> => {
    if (!isReading(call)) await before(call);
    const result = await action();
    after(call, result);
    return result;
  };

  const promises = fs.promises as unknown as Calls;
  for (const name of pathCalls) {
    const original = promises[name]!;
    promises[name] = (path, ...args) =>
      told(new FileCall(name, resolve(String(path)), args), async () => original(path, ...args));
  }
  const open = promises['open'] as (...args: unknown[]) => Promise<fs.promises.FileHandle>;
  promises['open'] = async (path, ...args) => {
    const call = new FileCall('open', resolve(String(path)), args);
    let handle: fs.promises.FileHandle | undefined;
    await told(call, async () => {
      handle = await open(path, ...args);
      paths.set(handle.fd, call.path);
      return handle.fd;
    });
    return handle;
  };
  const functions = fs as unknown as Calls;
  for (const name of syncCalls) {
    const original = functions[name]!;
    functions[name] = (descriptor, ...args) => {
      const fd = descriptor as number;
      const call = new FileCall(name, paths.get(fd) ?? '', args, fd);
      void before(call);
      const result = original(descriptor, ...args);
      after(call, result);
      return result;
    };
  }
  // The class of handles is not exported.
  const handle = await open(createRequire(import.meta.url).resolve('./fileCalls.js'));
  const prototype = Object.getPrototypeOf(handle) as Calls;
  for (const name of handleCalls) {
    const original = prototype[name]!;
    prototype[name] = function (this: { readonly fd: number }, ...args) {
      const call = new FileCall(name, paths.get(this.fd) ?? '', args, this.fd);
      return told(call, async () => original.apply(this, args));
    };
  }
  await handle.close();
  syncBuiltinESMExports();
}
