/** First values of a run's variables. */
import type { HostTensor } from '../engines/engine.ts';
import type { Variable } from '../graph/graph.ts';
import { random, streams } from '../random.ts';

/**
 * Draws the first value of every variable, each from a random stream of its own.
 *
 * @returns  values by variable name, as the signature 'assign' takes them
 */
export function initialValues(
  variables: readonly Variable[],
  seed: number,
): Record<string, HostTensor> {
  const values: Record<string, HostTensor> = {};
  variables.forEach(({ name, shape, initializer }, i) => {
    const data = initializer(shape, random(seed, streams.initialValues, i));
    values[name] = { data, shape };
  });
  return values;
}
