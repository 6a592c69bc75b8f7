/** Variables that hold what is no number. */
import type { HostTensor } from '../engines/engine.ts';

/** A variable that holds NaN or an infinity. */
export interface NonFiniteVariable {
  readonly name: string;
  /** The first such value in it. */
  readonly value: number;
}

/**
 * The first variable that is not finite.
 *
 * @param variables  in the order in which they are looked at
 * @param values     of all of them, by name
 * @returns          undefined when all are finite
 */
export function firstNonFinite(
  variables: Iterable<{ readonly name: string }>,
  values: Readonly<Record<string, HostTensor>>,
): NonFiniteVariable | undefined {
  for (const { name } of variables) {
    const { data } = values[name]!;
    let sum = 0;
    // 0 for what is finite, else NaN, which stays: no branch for each of millions of numbers.
    for (let i = 0; i < data.length; i++) sum += data[i]! * 0;
    if (sum !== 0) return { name, value: data.find((value) => !Number.isFinite(value))! };
  }
  return undefined;
}
