/**
 * Preloaded into a run (`--import`, which worker threads inherit): counts each call that changes files,
 * over all threads, and kills the process at one of them.
 *
 * $LOSSLENS_KILL_CALLS names the file that gets a line for each call; the kill comes at call
 * $LOSSLENS_KILL_AT, counted from 1, none without it. With $LOSSLENS_KILL_HALFWAY a write is cut in
 * half; all else is killed before it is done.
 */
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';
import { threadId } from 'node:worker_threads';

type Call = (...args: unknown[]) => unknown;
type Calls = Record<string, Call>;

/** All lines are of one length: the file's size is their number, whichever thread adds one. */
const lineBytes = 96;
const { writeSync, fstatSync, openSync } = fs;
const calls = openSync(process.env['LOSSLENS_KILL_CALLS']!, 'a');
const killAt = Number(process.env['LOSSLENS_KILL_AT'] ?? Number.POSITIVE_INFINITY);
const isHalfway = process.env['LOSSLENS_KILL_HALFWAY'] !== undefined;
/** Names of the open files, by descriptor. */
const names = new Map<number, string>();

/** Counts a call, and kills the process if it is the one. */
function count(call: string, name: string, writeHalf: () => void): void {
  const line = `thread ${threadId}: ${call} ${name}`.slice(0, lineBytes - 1);
  writeSync(calls, `${line.padEnd(lineBytes - 1)}\n`);
  if (fstatSync(calls).size < killAt * lineBytes) return;
  if (isHalfway) writeHalf();
  process.kill(process.pid, 'SIGKILL');
}

const nothing = () => {};

function wrapAll(
  owner: Calls,
  methods: readonly string[],
  wrap: (call: Call, name: string) => Call,
) {
  for (const name of methods) owner[name] = wrap(owner[name]!, name);
}

/** Of calls whose first argument is a path. */
function ofPath(original: Call, call: string): Call {
  return (...args) => {
    count(call, basename(String(args[0])), nothing);
    return original(...args);
  };
}

const isReading = (flags: unknown) => flags === undefined || flags === 'r';

/** Writes the first half of what `write` or `writeFile` was called with. */
function writeHalf(fd: number, call: string, [data, ...rest]: readonly unknown[]): void {
  const isPart = call === 'write' && typeof data !== 'string';
  const position = call === 'write' ? rest[isPart ? 2 : 0] : null;
  const all = typeof data === 'string' ? Buffer.from(data) : (data as Uint8Array);
  const [offset, length] = isPart ? (rest as number[]) : [0, all.byteLength];
  writeSync(fd, all, offset, Math.floor(length! / 2), position as number | null);
}

const handleCalls = ['write', 'writeFile', 'appendFile', 'sync', 'datasync', 'truncate'] as const;

function ofHandle(original: Call, call: string): Call {
  return function (this: { readonly fd: number }, ...args) {
    const isWrite = call !== 'truncate' && args.length > 0;
    count(call, names.get(this.fd) ?? '', () => {
      if (isWrite) writeHalf(this.fd, call, args);
    });
    return original.apply(this, args);
  };
}

const promises = fs.promises as unknown as Calls;
const pathCalls = ['rename', 'writeFile', 'appendFile', 'truncate', 'rm', 'rmdir', 'mkdir'];
wrapAll(promises, pathCalls, ofPath);
wrapAll(promises, ['open'], (original) => async (...args) => {
  const name = basename(String(args[0]));
  if (!isReading(args[1])) count('open', name, nothing);
  const handle = (await original(...args)) as { readonly fd: number };
  names.set(handle.fd, name);
  return handle;
});
wrapAll(fs as unknown as Calls, ['writeSync', 'fsyncSync'], (original, call) => (...args) => {
  count(call, names.get(args[0] as number) ?? '', nothing);
  return original(...args);
});

// The class of handles is not exported.
const handle = await fs.promises.open(createRequire(import.meta.url).resolve('./killHook.js'));
wrapAll(Object.getPrototypeOf(handle) as Calls, handleCalls, ofHandle);
await handle.close();
syncBuiltinESMExports();
