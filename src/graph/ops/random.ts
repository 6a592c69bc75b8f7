/** Random numbers that depend on a fed seed alone. */
import type { Shape, Tensor } from '../graph.ts';
import { addOp, type OpOptions } from './op.ts';

/**
 * Uniform float32 numbers in [0, 1) (TF op StatelessRandomUniform, Philox4x32-10): the same seed gives the same
 * numbers on every engine.
 *
 * @param seed   int32 [2]
 * @param sizes  int32 [rank]: how many
 * @param shape  the same as far as it is known
 */
export function statelessRandomUniform(
  seed: Tensor,
  sizes: Tensor,
  shape: Shape,
  options: OpOptions = {},
): Tensor {
  const attrs = {
    T: { type: 'int32' },
    Tseed: { type: 'int32' },
    dtype: { type: 'float32' },
  } as const;
  const inputs = [sizes, seed];
  return addOp(seed.graph, 'StatelessRandomUniform', inputs, attrs, 'float32', shape, options);
}
