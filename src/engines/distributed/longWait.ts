/** Waits for other processes, of which it is said when they take long. */

const firstSeconds = 30;

/**
 * Waits; says so after half a minute, and again each time that it has taken twice as long.
 *
 * @param say  takes how long it has been, in seconds; does not fail
 */
export async function waitAloud<T>(
  waiting: Promise<T>,
  say: (seconds: number) => void | Promise<void>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const sayIn = (more: number, seconds: number) => {
    timer = setTimeout(() => {
      void say(seconds);
      sayIn(seconds, 2 * seconds);
    }, 1000 * more);
  };
  sayIn(firstSeconds, firstSeconds);
  try {
    return await waiting;
  } finally {
    clearTimeout(timer);
  }
}
