/** The training loss as TF-Slim composes it. */
import type { Graph, Tensor } from '../graph/graph.ts';
import { constant, oneHot } from '../graph/ops/array.ts';
import { add, addN, mean, mul } from '../graph/ops/math.ts';
import { l2Loss, softmaxCrossEntropy } from '../graph/ops/nn.ts';
import type { NetworkOutputs } from '../nets/network.ts';

/** The parts of the loss, in nats. */
export interface Loss {
  /** Cross-entropy of each item with its label, without label smoothing, float32 [n] */
  readonly itemLoss: Tensor;
  /**
   * Mean of itemLoss, float32 []. Loss contributions derive from it: with smoothed labels those at
   * the logits would not be loss minus entropy, and an auxiliary classifier's are of other logits. The
   * same tensor as crossEntropy without smoothing.
   */
  readonly labelCrossEntropy: Tensor;
  /** Mean cross-entropy of the batch with its targets, float32 [] */
  readonly crossEntropy: Tensor;
  /** Mean cross-entropy of an auxiliary classifier times its weight, float32 []; null without one */
  readonly auxiliary: Tensor | null;
  /** Σ coefficient·Σw²/2 over the regularised weights, float32 []; null when there are none */
  readonly regularization: Tensor | null;
  /** What is minimised: the sum of cross-entropy, auxiliary and regularisation, float32 [] */
  readonly total: Tensor;
}

/**
 * Softmax cross-entropy plus the L2 penalties of the graph's variables
 * (slim's losses/softmax_cross_entropy_loss and regularization losses).
 *
 * @param logits          [n, classes]
 * @param labels          int32 [n]
 * @param labelSmoothing  s: the targets are onehot·(1−s) + s/classes
 * @param auxiliary       the network's second classifier, if it has one
 */
export function addLoss(
  graph: Graph,
  logits: Tensor,
  labels: Tensor,
  labelSmoothing: number,
  auxiliary?: NetworkOutputs['auxiliary'],
): Loss {
  return graph.withRootScope('losses', () => {
    const classes = logits.shape[1]!;
    const hard = oneHot(labels, classes);
    const { loss: itemLoss } = softmaxCrossEntropy(logits, hard);
    const labelCrossEntropy = mean(itemLoss, [0], {
      name: labelSmoothing === 0 ? 'softmax_cross_entropy_loss' : 'label_cross_entropy',
    });
    const targets =
      labelSmoothing === 0 ? hard : add(mul(hard, 1 - labelSmoothing), labelSmoothing / classes);
    const meanLoss = (ofLogits: Tensor, name: string) =>
      mean(softmaxCrossEntropy(ofLogits, targets).loss, [0], { name });
    const crossEntropy =
      labelSmoothing === 0 ? labelCrossEntropy : meanLoss(logits, 'softmax_cross_entropy_loss');
    const auxiliaryLoss =
      auxiliary === undefined
        ? null
        : mul(meanLoss(auxiliary.logits, 'aux_cross_entropy'), auxiliary.weight, {
            name: 'aux_loss',
          });
    const penalties = [...graph.variables.values()]
      .filter(({ weightDecay }) => weightDecay !== 0)
      .map(({ value, weightDecay }) => mul(l2Loss(value), constant(graph, 'float32', weightDecay)));
    const regularization =
      penalties.length === 0 ? null : addN(penalties, { name: 'regularization_loss' });
    const total = [auxiliaryLoss, regularization]
      .filter((part) => part !== null)
      .reduce((sum, part) => add(sum, part, { name: 'total_loss' }), crossEntropy);
    return {
      itemLoss,
      labelCrossEntropy,
      crossEntropy,
      auxiliary: auxiliaryLoss,
      regularization,
      total,
    };
  });
}
