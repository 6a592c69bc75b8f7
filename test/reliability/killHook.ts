/**
 * Preloaded into a run (`--import`, which worker threads inherit): counts each call that changes files,
 * over all threads, and kills the process at one of them.
 *
 * $LOSSLENS_KILL_CALLS names the file that gets a line for each call; the kill comes at call
 * $LOSSLENS_KILL_AT, counted from 1, none without it. With $LOSSLENS_KILL_HALFWAY a write is cut in
 * half; all else is killed before it is done.
 */
import fs from 'node:fs';
import { basename } from 'node:path';
import { threadId } from 'node:worker_threads';
import { watchFileCalls } from './fileCalls.ts';

/** All lines are of one length: the file's size is their number, whichever thread adds one. */
const lineBytes = 96;
// As they are now, when nobody watches them.
const { writeSync, fstatSync, openSync } = fs;
const calls = openSync(process.env['LOSSLENS_KILL_CALLS']!, 'a');
const killAt = Number(process.env['LOSSLENS_KILL_AT'] ?? Number.POSITIVE_INFINITY);
const isHalfway = process.env['LOSSLENS_KILL_HALFWAY'] !== undefined;

await watchFileCalls((call) => {
  const line = `thread ${threadId}: ${call.name} ${basename(call.path)}`.slice(0, lineBytes - 1);
  writeSync(calls, `${line.padEnd(lineBytes - 1)}\n`);
  if (fstatSync(calls).size < killAt * lineBytes) return;
  if (isHalfway) call.writeHalf();
  process.kill(process.pid, 'SIGKILL');
});
