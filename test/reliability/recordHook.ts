/**
 * Preloaded into a run (`--import`, which worker threads inherit): records its calls that change files,
 * over all threads and in their order, into the file that $LOSSLENS_RECORD names, for `RecordedDisk`.
 */
import fs from 'node:fs';
import { resolve } from 'node:path';
import { threadId } from 'node:worker_threads';
import { type FileCall, watchFileCalls } from './fileCalls.ts';

/** A line of the record: that a call begins. */
export interface BegunCall {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly descriptor?: number;
  /** Of `open`. */
  readonly flags?: string;
  /** Of `rename`: the new path. */
  readonly to?: string;
  /** Of `truncate`, in bytes. */
  readonly size?: number;
  /** In base64. */
  readonly bytes?: string;
  /** Where they are written, in bytes; null: behind what was written before. */
  readonly at?: number | null;
}

/** A line of the record: that a call ended well. */
export interface EndedCall {
  readonly end: string;
  /** The descriptor that `open` gives. */
  readonly descriptor?: number;
}

// As it is now, when nobody watches it.
const { writeSync } = fs;
const record = fs.openSync(process.env['LOSSLENS_RECORD']!, 'a');
const ids = new WeakMap<FileCall, string>();
let calls = 0;

// One write for a line: threads append to the same file.
const write = (line: BegunCall | EndedCall) => writeSync(record, `${JSON.stringify(line)}\n`);

function begin(call: FileCall): void {
  const { name, path, args, descriptor, write: written } = call;
  const id = `${threadId}.${calls++}`;
  ids.set(call, id);
  write({
    id,
    name,
    path,
    ...(descriptor === undefined ? {} : { descriptor }),
    ...(name === 'open' ? { flags: String(args[0] ?? 'r') } : {}),
    ...(name === 'rename' ? { to: resolve(String(args[0])) } : {}),
    ...(name === 'truncate' ? { size: Number(args[0] ?? 0) } : {}),
    ...(written && { bytes: Buffer.from(written.bytes).toString('base64'), at: written.at }),
  });
}

await watchFileCalls(begin, (call, result) => {
  // What is opened for reading may be a folder that an fsync is for.
  if (!ids.has(call)) begin(call);
  const end = ids.get(call)!;
  write(call.name === 'open' ? { end, descriptor: result as number } : { end });
});
