/** First values of a run's variables. */
import { allocate } from '../allocation.ts';
import type { HostTensor } from '../engines/engine.ts';
import type { Variable } from '../graph/graph.ts';
import { shapeText } from '../graph/shape.ts';
import { random, streams } from '../random.ts';

/**
 * Draws the first value of every variable, each from a random stream of its own.
 *
 * @returns  values by variable name, as the signature 'assign' takes them
 * @throws UserError  naming the variable that does not fit into the memory
 */
export function initialValues(
  variables: readonly Variable[],
  seed: number,
): Record<string, HostTensor> {
  const values: Record<string, HostTensor> = {};
  variables.forEach(({ name, shape, initializer }, i) => {
    const data = allocate(
      () => initializer(shape, random(seed, streams.initialValues, i)),
      `${name} of ${shapeText(shape)}`,
      shape.reduce((product, size) => product * size, 1) * Float32Array.BYTES_PER_ELEMENT,
      'Give a smaller --train_image_size or --vocabulary_size, or another --model_name.',
    );
    values[name] = { data, shape };
  });
  return values;
}
