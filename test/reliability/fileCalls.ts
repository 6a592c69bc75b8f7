/** The calls by which losslens changes files, to be counted, refused or held up. */
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';

type Call = (...args: unknown[]) => unknown;
type Calls = Record<string, Call>;

/** One call that is about to change a file or a folder. */
export interface FileCall {
  /** Such as 'open', 'write', 'rename', 'fsyncSync'. */
  readonly name: string;
  /** What it changes; '' where that is not known. */
  readonly path: string;
  /** Bytes that it writes. */
  readonly bytes: number;
  /** Writes the first half of them. */
  writeHalf(): void;
}

const { writeSync } = fs;
/** Paths of the open files, by descriptor. */
const paths = new Map<number, string>();

const isReading = (flags: unknown) => flags === undefined || flags === 'r';
const nothing = () => {};

const pathCalls = ['rename', 'writeFile', 'appendFile', 'truncate', 'rm', 'rmdir', 'mkdir'];
const handleCalls = ['write', 'writeFile', 'appendFile', 'sync', 'datasync', 'truncate'];
const syncCalls = ['writeSync', 'fsyncSync'];

/** What a call writes, and where to: null for where the file is at. */
function writtenBy(name: string, [data, ...rest]: readonly unknown[]) {
  if (!/^(write|append)/.test(name) || data === undefined) return undefined;
  const isPart = /^write(Sync)?$/.test(name) && typeof data !== 'string';
  const position = /^write(Sync)?$/.test(name) ? rest[isPart ? 2 : 0] : null;
  const all = typeof data === 'string' ? Buffer.from(data) : (data as Uint8Array);
  const [offset = 0, length = all.byteLength - offset] = isPart ? (rest as number[]) : [];
  return { all, offset, length, position: (position ?? null) as number | null };
}

function callOn(fd: number, name: string, args: readonly unknown[]): FileCall {
  const written = writtenBy(name, args);
  return {
    name,
    path: paths.get(fd) ?? '',
    bytes: written?.length ?? 0,
    writeHalf: () => {
      if (written === undefined) return;
      const { all, offset, length, position } = written;
      writeSync(fd, all, offset, Math.floor(length / 2), position);
    },
  };
}

/**
 * Has all such calls of this thread wait for a function that is told of them. What it throws, they throw.
 *
 * @param before  for calls that do not wait, what it returns counts for nothing
 */
export async function watchFileCalls(before: (call: FileCall) => void | Promise<void>) {
  const wrapAll = (
    owner: Calls,
    methods: readonly string[],
    wrap: (call: Call, name: string) => Call,
  ) => {
    for (const name of methods) owner[name] = wrap(owner[name]!, name);
  };
  const ofPath = (path: unknown, name: string, bytes = 0): FileCall => ({
    ...{ name, path: String(path), bytes },
    writeHalf: nothing,
  });
  const promises = fs.promises as unknown as Calls;
  wrapAll(promises, pathCalls, (original, name) => async (...args) => {
    await before(ofPath(args[0], name, writtenBy(name, args.slice(1))?.length));
    return original(...args);
  });
  wrapAll(promises, ['open'], (original) => async (...args) => {
    if (!isReading(args[1])) await before(ofPath(args[0], 'open'));
    const handle = (await original(...args)) as { readonly fd: number };
    paths.set(handle.fd, String(args[0]));
    return handle;
  });
  wrapAll(fs as unknown as Calls, syncCalls, (original, name) => (...args) => {
    const [fd, ...rest] = args;
    void before(callOn(fd as number, name, rest));
    return original(...args);
  });
  // The class of handles is not exported.
  const own = createRequire(import.meta.url).resolve('./fileCalls.js');
  const handle = await fs.promises.open(own);
  wrapAll(
    Object.getPrototypeOf(handle) as Calls,
    handleCalls,
    (original, name) =>
      async function (this: { readonly fd: number }, ...args) {
        await before(callOn(this.fd, name, args));
        return original.apply(this, args);
      },
  );
  await handle.close();
  syncBuiltinESMExports();
}
