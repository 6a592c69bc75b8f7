/** The training loss as TF-Slim composes it. */
import type { Graph, Tensor } from '../graph/graph.ts';
import { constant, oneHot } from '../graph/ops/array.ts';
import { add, addN, mean, mul } from '../graph/ops/math.ts';
import { l2Loss, softmaxCrossEntropy } from '../graph/ops/nn.ts';

/** The parts of the loss, in nats. */
export interface Loss {
  /** Cross-entropy of each item with its label, without label smoothing, float32 [n] */
  readonly itemLoss: Tensor;
  /**
   * Mean of itemLoss, float32 []. Loss contributions derive from it: with smoothed labels those at
   * the logits would not be loss minus entropy. The same tensor as crossEntropy without smoothing.
   */
  readonly labelCrossEntropy: Tensor;
  /** Mean cross-entropy of the batch with its targets, float32 [] */
  readonly crossEntropy: Tensor;
  /** Σ coefficient·Σw²/2 over the regularised weights, float32 []; null when there are none */
  readonly regularization: Tensor | null;
  /** What is minimised: cross-entropy plus regularisation, float32 [] */
  readonly total: Tensor;
}

/**
 * Softmax cross-entropy plus the L2 penalties of the graph's variables
 * (slim's losses/softmax_cross_entropy_loss and regularization losses).
 *
 * @param logits          [n, classes]
 * @param labels          int32 [n]
 * @param labelSmoothing  s: the targets are onehot·(1−s) + s/classes
 */
export function addLoss(
  graph: Graph,
  logits: Tensor,
  labels: Tensor,
  labelSmoothing: number,
): Loss {
  return graph.withRootScope('losses', () => {
    const classes = logits.shape[1]!;
    const hard = oneHot(labels, classes);
    const { loss: itemLoss } = softmaxCrossEntropy(logits, hard);
    const labelCrossEntropy = mean(itemLoss, [0], {
      name: labelSmoothing === 0 ? 'softmax_cross_entropy_loss' : 'label_cross_entropy',
    });
    let crossEntropy = labelCrossEntropy;
    if (labelSmoothing !== 0) {
      const targets = add(mul(hard, 1 - labelSmoothing), labelSmoothing / classes);
      const { loss } = softmaxCrossEntropy(logits, targets);
      crossEntropy = mean(loss, [0], { name: 'softmax_cross_entropy_loss' });
    }
    const penalties = [...graph.variables.values()]
      .filter(({ weightDecay }) => weightDecay !== 0)
      .map(({ value, weightDecay }) => mul(l2Loss(value), constant(graph, 'float32', weightDecay)));
    if (penalties.length === 0) {
      return {
        itemLoss,
        labelCrossEntropy,
        crossEntropy,
        regularization: null,
        total: crossEntropy,
      };
    }
    const regularization = addN(penalties, { name: 'regularization_loss' });
    const total = add(crossEntropy, regularization, { name: 'total_loss' });
    return { itemLoss, labelCrossEntropy, crossEntropy, regularization, total };
  });
}
