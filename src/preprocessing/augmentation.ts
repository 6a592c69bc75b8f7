/** The numbers of an augmentation in the graph. */
import type { Tensor } from '../graph/graph.ts';
import { reshape, slice } from '../graph/ops/array.ts';

/**
 * One of the numbers of each image.
 *
 * @param augmentation  float32 [n, size]
 * @returns             float32 [n, 1, 1, 1]
 */
export function numberOfEach(augmentation: Tensor, index: number): Tensor {
  return reshape(slice(augmentation, [0, index], [-1, 1]), [-1, 1, 1, 1]);
}
