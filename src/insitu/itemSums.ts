/** At which layers the per-item sum of f·b (Lee 2021, Equ. 5) is that item's own. */
import type { Node, Tensor } from '../graph/graph.ts';
import { tensorsBefore } from '../graph/walk.ts';

/**
 * What the sum of f·b over a data item's hidden variables says at a layer:
 *
 * - `own`    the item's contribution to the loss
 * - `mixed`  nothing about the item alone: the only ways to the loss run through a later batch
 *            normalisation with the batch's statistics. Its output does not depend on the scale of
 *            the whole batch, so the sums of all items cancel to zero, and each holds other items'
 *            losses
 * - `none`   no sum: the loss does not depend on the layer
 */
export type ItemSums = 'own' | 'mixed' | 'none';

/** Whether a node normalises with the statistics of the batch that it is given: there an item depends on the others. */
export function usesBatchStatistics({ op, attrs }: Node): boolean {
  const isTraining = attrs['is_training'];
  return (
    op.startsWith('FusedBatchNorm') && isTraining !== undefined && 'b' in isTraining && isTraining.b
  );
}

/**
 * Tells from the graph, not from names, what per-item sums mean at each layer.
 *
 * @param endPoints  of the network as it is trained
 * @param loss       the loss, or the logits, which every way to it runs through
 * @returns          by the name of the end point, in their order
 */
export function itemSumsOf(
  endPoints: ReadonlyMap<string, Tensor>,
  loss: Tensor,
): ReadonlyMap<string, ItemSums> {
  const before = tensorsBefore(loss);
  const beforeWithoutMixing = tensorsBefore(loss, (node) => !usesBatchStatistics(node));
  const kindOf = (tensor: Tensor): ItemSums => {
    if (beforeWithoutMixing.has(tensor)) return 'own';
    return before.has(tensor) ? 'mixed' : 'none';
  };
  return new Map([...endPoints].map(([name, tensor]) => [name, kindOf(tensor)]));
}
