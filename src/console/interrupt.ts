/** Ends what takes long when its user asks for it. */
import { constants } from 'node:os';

/** Signals that ask a program to end: Ctrl-C, `kill`, and a terminal that goes away. */
export const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * An abort signal that the first of the ending signals raises. The second one ends the process at once,
 * unless it is SIGHUP: a terminal that goes away sends it twice, by its shell and by itself, and leaves
 * nobody who could be impatient.
 *
 * @param onInterrupt  told of the signal's name, which is the reason of the abort, too
 * @returns  `release` gives the signals back to the system
 */
export function interruptSignal(onInterrupt: (name: NodeJS.Signals) => void): {
  signal: AbortSignal;
  release: () => void;
} {
  const controller = new AbortController();
  const abort = (name: NodeJS.Signals) => {
    for (const impatient of ['SIGINT', 'SIGTERM'] as const) process.off(impatient, abort);
    if (controller.signal.aborted) return;
    controller.abort(name);
    onInterrupt(name);
  };
  const release = () => {
    for (const name of endingSignals) process.off(name, abort);
  };
  for (const name of endingSignals) process.on(name, abort);
  return { signal: controller.signal, release };
}

/** The exit code of what an abort signal of `interruptSignal` ended, as shells have it: 128 + its number. */
export function interruptedExitCode({ reason }: AbortSignal): number {
  return 128 + constants.signals[reason as NodeJS.Signals];
}
