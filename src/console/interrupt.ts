/** Ends a run between two steps when its user asks for it. */

const signals = ['SIGINT', 'SIGTERM'] as const;

/**
 * An abort signal that Ctrl-C and SIGTERM raise once; the second time they end the process.
 *
 * @param onInterrupt  told of the signal's name, which is the reason of the abort, too
 */
export function interruptSignal(onInterrupt: (name: NodeJS.Signals) => void): {
  signal: AbortSignal;
  release: () => void;
} {
  const controller = new AbortController();
  const abort = (name: NodeJS.Signals) => {
    release();
    controller.abort(name);
    onInterrupt(name);
  };
  const release = () => {
    for (const name of signals) process.off(name, abort);
  };
  for (const name of signals) process.on(name, abort);
  return { signal: controller.signal, release };
}
