/** Logits as an engine returns them, evaluated in float64: in float32 small differences round away. */
import type { HostTensor } from '../engines/engine.ts';

/** The sum of some numbers. */
export const total = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0);

/** Logarithms of the probabilities of one item, in float64. */
export function logProbabilities(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const largest = Math.max(...values);
  const logSum = Math.log(total(values.map((z) => Math.exp(z - largest))));
  return values.map((z) => z - largest - logSum);
}

/** Entropy in nats. */
export function entropyOf(logP: readonly number[]): number {
  return -total(logP.map((value) => (value === -Infinity ? 0 : Math.exp(value) * value)));
}

/** The rows of a tensor [n, classes]. */
export function rowsOf({ data, shape }: HostTensor): ArrayLike<number>[] {
  const [rows, columns] = shape as [number, number];
  return Array.from({ length: rows }, (_, row) =>
    data.subarray(row * columns, (row + 1) * columns),
  );
}
