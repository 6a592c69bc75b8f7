/** Starts other programs and waits for them. */
import { spawn } from 'node:child_process';

/** A program that could not be started or failed. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError';
  /** It is not installed. */
  readonly isMissing: boolean;
  /** Everything that it wrote to stderr. */
  readonly stderr: string;

  constructor(message: string, isMissing: boolean, stderr: string) {
    super(message);
    this.isMissing = isMissing;
    this.stderr = stderr;
  }
}

/** How a program is run. */
export interface ProgramOptions {
  readonly cwd?: string;
  /** Added to this process' environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the program and what it has started. */
  readonly signal?: AbortSignal | undefined;
  /** How long it may take; a program that takes longer is killed, and not waited for if that does not help. */
  readonly limitSeconds?: number;
  /** Takes its output line by line; on a terminal the program writes there itself, with its own progress bars. */
  readonly report?: ((line: string) => void) | undefined;
}

/**
 * Runs a program to its end.
 *
 * @returns  what it wrote to stdout, unless a terminal took that
 * @throws the signal's reason when that ends it
 * @throws ProgramError  when it cannot start, takes too long or leaves with another status than 0; the message
 *                       then ends with its first line that speaks of an error, or its last one
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  { cwd, env, signal, limitSeconds, report }: ProgramOptions = {},
): Promise<string> {
  signal?.throwIfAborted();
  const onTerminal = report !== undefined && process.stderr.isTTY;
  const child = spawn(command, args, {
    stdio: ['ignore', onTerminal ? process.stderr : 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    // A group of its own, so that the programs that it starts can be ended with it.
    detached: process.platform !== 'win32',
  });
  const kill = (killSignal: NodeJS.Signals) => {
    if (child.pid === undefined) return;
    try {
      process.kill(process.platform === 'win32' ? child.pid : -child.pid, killSignal);
    } catch (error) {
      // It has just ended by itself.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  const end = () => kill('SIGTERM');
  signal?.addEventListener('abort', end);
  let limit: NodeJS.Timeout | undefined;
  let stdout = '';
  let stderr = '';
  let line = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    const lines = (line + text).split('\n');
    line = lines.pop() ?? '';
    for (const complete of lines) report?.(complete);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  try {
    await new Promise<void>((resolve, reject) => {
      child.on('error', (error: NodeJS.ErrnoException) => {
        const isMissing = error.code === 'ENOENT';
        const reason = isMissing ? 'not found' : error.message;
        reject(new ProgramError(`${command}: ${reason}`, isMissing, ''));
      });
      child.on('close', (status, killedBy) => {
        if (status === 0 || signal?.aborted === true) return resolve();
        const outcome = killedBy ?? `exit code ${status}`;
        const words = lastWords(stderr) ?? lastWords(stdout) ?? 'no message';
        reject(new ProgramError(`${command} (${outcome}): ${words}`, false, stderr));
      });
      if (limitSeconds === undefined) return;
      limit = setTimeout(() => {
        kill('SIGKILL');
        // Who waits within the kernel, for a device say, cannot be killed.
        child.unref();
        for (const stream of [child.stdout, child.stderr]) stream?.destroy();
        reject(new ProgramError(`${command}: no answer within ${limitSeconds} s`, false, stderr));
      }, 1000 * limitSeconds);
    });
  } finally {
    clearTimeout(limit);
    signal?.removeEventListener('abort', end);
  }
  signal?.throwIfAborted();
  return stdout;
}

function lastWords(output: string): string | undefined {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const first = (pattern: RegExp) => lines.find((line) => pattern.test(line));
  return first(/error:\s/i) ?? first(/\berror\b/i) ?? lines.at(-1);
}
