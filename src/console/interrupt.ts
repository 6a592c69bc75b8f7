/** Ends what takes long when its user asks for it. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { tell } from '../terminal.ts';

/**
 * Whether this process was started to outlive its terminal, as by nohup. Node gives SIGHUP, which it finds ignored,
 * back to the system before any JavaScript runs, so that others tell: shells name in `_` what they start, and a
 * script that nohup started ignores the signal itself.
 */
function outlivesTerminal(): boolean {
  if (basename(process.env['_'] ?? '') === 'nohup') return true;
  try {
    const status = readFileSync(`/proc/${process.ppid}/status`, 'utf8');
    const ignored = BigInt(`0x${/^SigIgn:\s*(\w+)$/m.exec(status)![1]}`);
    return (ignored & (1n << BigInt(constants.signals.SIGHUP - 1))) !== 0n;
  } catch {
    // Off Linux.
    return false;
  }
}

/**
 * The signals that ask this process to end: Ctrl-C, `kill`, and a terminal that goes away. The last is ignored from
 * now on where the process is to outlive it.
 */
export function endingSignals(): readonly NodeJS.Signals[] {
  if (!outlivesTerminal()) return ['SIGINT', 'SIGTERM', 'SIGHUP'];
  if (process.listenerCount('SIGHUP') === 0) process.on('SIGHUP', () => {});
  return ['SIGINT', 'SIGTERM'];
}

/**
 * Signals that are heard within so many milliseconds are one: `timeout` sends its own twice, to the process and to
 * its group, and so do programs that pass on what the terminal has sent to all.
 */
const togetherMs = 250;

/**
 * An abort signal that the first of the ending signals raises. A later one ends the process at once, unless it is
 * SIGHUP: a terminal that goes away sends it twice, by its shell and by itself, and leaves nobody who could be
 * impatient.
 *
 * @param onInterrupt  told of the signal's name, which is the reason of the abort, too
 * @returns  `release` gives the signals back to the system
 */
export function interruptSignal(onInterrupt: (name: NodeJS.Signals) => void): {
  signal: AbortSignal;
  release: () => void;
} {
  const controller = new AbortController();
  let heardMs = 0;
  const names = endingSignals();
  const release = () => {
    for (const name of names) process.off(name, hear);
  };
  const hear = (name: NodeJS.Signals) => {
    if (!controller.signal.aborted) {
      heardMs = performance.now();
      controller.abort(name);
      onInterrupt(name);
    } else if (name !== 'SIGHUP' && performance.now() - heardMs > togetherMs) {
      // What nobody listens to ends the process.
      release();
      process.kill(process.pid, name);
    }
  };
  for (const name of names) process.on(name, hear);
  return { signal: controller.signal, release };
}

/**
 * Waits for something unless a signal is aborted: then what goes on behind it is left to itself.
 *
 * @throws the signal's reason, when it is aborted first
 */
export function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject);
  });
}

/** The exit code of what an abort signal of `interruptSignal` ended, as shells have it: 128 + its number. */
export function interruptedExitCode({ reason }: AbortSignal): number {
  return 128 + constants.signals[reason as NodeJS.Signals];
}

/** How long a process that is at its end may take to end, in milliseconds. */
const lastMs = 2000;

/**
 * Has the process end with an exit code. After an interrupt something that nobody waits for any more may
 * hold it up, such as a disk that does not answer: then it ends by the signal, which shells see as the same.
 */
export function endWith(exitCode: number): void {
  process.exitCode = exitCode;
  if (exitCode <= 128) return;
  setTimeout(() => process.kill(process.pid, exitCode - 128), lastMs).unref();
}

/**
 * Does something until the first of the ending signals, which makes the exit code that of the signal.
 *
 * @param action  throws something when its signal is aborted before its end
 * @throws what it throws otherwise
 */
export async function untilInterrupted(
  action: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { signal, release } = interruptSignal((name) =>
    tell(`${name}: stopping after this step; once more ends it at once`),
  );
  try {
    await action(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    endWith(interruptedExitCode(signal));
  } finally {
    release();
  }
}
