/**
 * A process that does what `losslens` does with one command line after the other, as messages ask for it:
 * to load its code takes a short command most of its time.
 */
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../src/packageRoot.ts';
import type { CommandResult } from './losslens.ts';

const program = join(packageRoot, 'dist/bin/losslens.js');
/** What keeps a process from its end gets so long to be done. */
const patienceMs = 60_000;
// Each command listens to the streams anew.
EventEmitter.defaultMaxListeners = 0;
// They are opened when they are asked for first.
const { stdout, stderr } = process;

/** Has a stream keep what is written to it. @returns  tells what that was, and writes as before from then on */
function capture(stream: NodeJS.WriteStream): () => string {
  const { write } = stream;
  let text = '';
  stream.write = ((chunk: string | Uint8Array, ...more: unknown[]) => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    const done = more.at(-1);
    if (typeof done === 'function') process.nextTick(done as () => void);
    return true;
  }) as typeof write;
  return () => {
    stream.write = write;
    return text;
  };
}

/** What keeps this process from its end before its first command: the pipes to whoever asks. */
let own: readonly string[] | undefined;
let commands = 0;

/** What else keeps it. */
function open(): string[] {
  const all = process.getActiveResourcesInfo();
  for (const each of own!) if (all.includes(each)) all.splice(all.indexOf(each), 1);
  return all;
}

/** Waits until the process would end, were it that of the command alone. @returns  what keeps it, or nothing */
async function rest(): Promise<string> {
  const endMs = performance.now() + patienceMs;
  while (open().length > 0) {
    if (performance.now() > endMs) return `the command does not end: ${open().join()}\n`;
    await setTimeout(1);
  }
  return '';
}

async function run(args: readonly string[]): Promise<CommandResult> {
  own ??= process.getActiveResourcesInfo();
  process.argv = [process.execPath, program, ...args];
  process.exitCode = undefined;
  const [shown, told] = [capture(stdout), capture(stderr)];
  let problem = '';
  try {
    // Another address for each: the module is the command.
    await import(`${pathToFileURL(program)}?${++commands}`);
    problem = await rest();
  } catch (error) {
    problem = (error as Error).stack ?? String(error);
  }
  const code = problem === '' ? Number(process.exitCode ?? 0) : null;
  process.exitCode = 0;
  return { code, stdout: shown(), stderr: told() + problem };
}

process.on('message', async (args: string[]) => {
  process.send?.(await run(args));
});
