/** Pooling as TF-Slim has it, and the end of networks that close with it. */
import { UserError } from '../errors.ts';
import type { Tensor } from '../graph/graph.ts';
import { describe } from '../graph/graph.ts';
import { cast, reshape } from '../graph/ops/array.ts';
import { avgPool } from '../graph/ops/averagePool.ts';
import { maxPool, type Padding } from '../graph/ops/nn.ts';

/** Max pooling with square windows, VALID by default (slim.max_pool2d): [n, h, w, c] → [n, h', w', c]. */
export function maxPool2d(
  x: Tensor,
  name: string,
  window: number,
  { stride = 2, padding = 'VALID' }: { readonly stride?: number; readonly padding?: Padding } = {},
): Tensor {
  return x.graph.withScope(name, () => maxPool(x, { window, stride, padding }));
}

/** Average pooling with square windows, VALID by default (slim.avg_pool2d): [n, h, w, c] → [n, h', w', c]. */
export function avgPool2d(
  x: Tensor,
  name: string,
  window: number,
  { stride = 2, padding = 'VALID' }: { readonly stride?: number; readonly padding?: Padding } = {},
): Tensor {
  return x.graph.withScope(name, () => avgPool(x, { window, stride, padding }));
}

/**
 * The mean of the last features, ahead of the logits: [n, h, w, c] → [n, 1, 1, c], in float32 whatever
 * they are computed in.
 *
 * @param window  side that the network was made for, in pixels; smaller features are taken as a whole
 */
export function lastPool2d(x: Tensor, name: string, window = Number.POSITIVE_INFINITY): Tensor {
  return avgPool2d(cast(x, 'float32'), name, Math.min(window, x.shape[1]!));
}

/**
 * Without height and width: [n, 1, 1, c] → [n, c] (tf.squeeze).
 *
 * @throws UserError  when they are not 1, as of images that are larger than the network takes
 */
export function spatialSqueeze(x: Tensor, name = 'SpatialSqueeze'): Tensor {
  const [, height, width, channels] = x.shape as [number, number, number, number];
  if (height !== 1 || width !== 1) {
    throw new UserError(
      `${name}: got ${describe(x)}; expected a height and width of 1, as of smaller images.`,
    );
  }
  return reshape(x, [-1, channels], { name });
}
