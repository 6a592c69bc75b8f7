/** Average pooling as TF-Slim has it. */
import type { Tensor } from '../graph/graph.ts';
import { avgPool } from '../graph/ops/averagePool.ts';
import type { Padding } from '../graph/ops/nn.ts';

/** Average pooling with square windows, VALID by default (slim.avg_pool2d): [n, h, w, c] → [n, h', w', c]. */
export function avgPool2d(
  x: Tensor,
  name: string,
  window: number,
  { stride = 2, padding = 'VALID' }: { readonly stride?: number; readonly padding?: Padding } = {},
): Tensor {
  return x.graph.withScope(name, () => avgPool(x, { window, stride, padding }));
}
