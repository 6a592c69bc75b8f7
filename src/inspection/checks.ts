/** Comparisons of what should be equal, and the worst case of each. */

/** One thing that was checked, over all batches: the worst case. */
export interface Check {
  /** What is compared, for people. */
  readonly what: string;
  /** `unchecked` where all that is compared is 0, or too small to be told from rounding. */
  readonly outcome: 'ok' | 'failed' | 'unchecked';
  /** Relative to the size of what was added up. */
  readonly error: number;
  /** What the error may be. */
  readonly tolerance: number;
}

/** Sums below have terms that float32 holds with few digits or none: it ends at 1.2e-38. */
export const smallestSum = 1e-30;

/** Two sides of an identity for some items. */
export interface Comparison {
  /** Their difference. */
  readonly error: number;
  /** The size of what they add up. */
  readonly size: number;
  /** Share of the size that the difference may be. */
  readonly tolerance: number;
  /** What rounding may add to the difference, however small the size. */
  readonly rounding: number;
}

function check(what: string, { error, size, tolerance, rounding }: Comparison): Check {
  const relative = Math.abs(error) / (size + rounding / tolerance);
  const holds = relative <= tolerance;
  const tellsNothing = size * tolerance <= rounding;
  const outcome = holds ? (tellsNothing ? 'unchecked' : 'ok') : 'failed';
  return { what, outcome, error: relative, tolerance };
}

/** How bad a case is, next to others of the same check: one that tells nothing is the least. */
function badness({ outcome, error, tolerance }: Check): number {
  if (outcome === 'failed') return Number.POSITIVE_INFINITY;
  return outcome === 'unchecked' ? -1 : error / tolerance;
}

/** Gathers the worst case of each check. */
export class Checks {
  readonly #checks = new Map<string, Check>();

  add(what: string, comparison: Comparison): void {
    const before = this.#checks.get(what);
    const next = check(what, comparison);
    if (before === undefined || badness(next) > badness(before)) this.#checks.set(what, next);
  }

  /** Whether some batch had something to tell. */
  isDone(what: string): boolean {
    return (this.#checks.get(what)?.outcome ?? 'unchecked') !== 'unchecked';
  }

  get all(): readonly Check[] {
    return [...this.#checks.values()];
  }
}
