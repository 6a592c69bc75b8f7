/** Average pooling with square windows. */
import type { Tensor } from '../graph.ts';
import { windowedSize } from '../shape.ts';
import { shapeOf } from './array.ts';
import { type PoolOptions, poolAttrs } from './nn.ts';
import { addOp, expectRank } from './op.ts';

/**
 * Mean of each window (TF op AvgPool): [n, h, w, c] → [n, h', w', c]. What a window has beyond the
 * border does not count.
 *
 * @throws UserError  when the window does not fit
 */
export function avgPool(x: Tensor, options: PoolOptions): Tensor {
  expectRank('AvgPool', x, 4);
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const { window, stride, padding } = options;
  const where = `AvgPool ${x.graph.scope}`;
  const shape = [
    batch,
    windowedSize(height, window, stride, padding, where),
    windowedSize(width, window, stride, padding, where),
    channels,
  ];
  return addOp(x.graph, 'AvgPool', [x], poolAttrs(x, options), x.dtype, shape, options);
}

/** Derivative of avgPool: dy goes to all elements of its window in equal parts (TF op AvgPoolGrad). */
export function avgPoolGrad(x: Tensor, dy: Tensor, options: PoolOptions): Tensor {
  return addOp(
    x.graph,
    'AvgPoolGrad',
    [shapeOf(x), dy],
    poolAttrs(x, options),
    x.dtype,
    x.shape,
    options,
  );
}
