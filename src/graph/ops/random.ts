/** Random numbers that depend on a fed seed alone. */
import type { Shape, Tensor } from '../graph.ts';
import { shapeOf } from './array.ts';
import { addOp, type OpOptions } from './op.ts';

/**
 * Uniform float32 numbers in [0, 1) in the shape of `like` (TF op StatelessRandomUniform,
 * Philox4x32-10): the same seed gives the same numbers on every engine.
 *
 * @param seed  int32 [2]
 */
export function statelessRandomUniform(
  seed: Tensor,
  like: Tensor,
  options: OpOptions = {},
): Tensor {
  const shape: Shape = like.shape;
  const attrs = {
    T: { type: 'int32' },
    Tseed: { type: 'int32' },
    dtype: { type: 'float32' },
  } as const;
  const inputs = [shapeOf(like), seed];
  return addOp(like.graph, 'StatelessRandomUniform', inputs, attrs, 'float32', shape, options);
}
