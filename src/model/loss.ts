/** The training loss as TF-Slim composes it. */
import type { Graph, Tensor } from '../graph/graph.ts';
import { constant, oneHot } from '../graph/ops/array.ts';
import { add, addN, mean, mul } from '../graph/ops/math.ts';
import { l2Loss, softmaxCrossEntropy } from '../graph/ops/nn.ts';
import type { NetworkOutputs } from '../nets/network.ts';

/** The parts of the loss that come from a network's answers, in nats. */
export interface NetworkLoss {
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
}

/** The loss of a step, in nats. */
export interface TotalLoss extends Omit<NetworkLoss, 'itemLoss'> {
  /** Σ coefficient·Σw²/2 over the regularised weights, float32 []; null when there are none */
  readonly regularization: Tensor | null;
  /** What is minimised: the sum of cross-entropy, auxiliary and regularisation, float32 [] */
  readonly total: Tensor;
}

/** The loss of a network that has a part of the batch. */
export interface LossOfPart extends NetworkLoss {
  /** Items of the part ÷ those of the batch, float32 []; null for all of it. */
  readonly share: Tensor | null;
}

/**
 * Softmax cross-entropy (slim's losses/softmax_cross_entropy_loss).
 *
 * @param logits          [n, classes]
 * @param labels          int32 [n]
 * @param labelSmoothing  s: the targets are onehot·(1−s) + s/classes
 * @param auxiliary       the network's second classifier, if it has one
 */
export function addLoss(
  logits: Tensor,
  labels: Tensor,
  labelSmoothing: number,
  auxiliary?: NetworkOutputs['auxiliary'],
): NetworkLoss {
  return logits.graph.withRootScope('losses', () => {
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
    return { itemLoss, labelCrossEntropy, crossEntropy, auxiliary: auxiliaryLoss };
  });
}

/**
 * The loss of a batch from those of its parts, with the L2 penalties of the graph's variables, once (slim's
 * regularization losses).
 */
export function addTotalLoss(graph: Graph, parts: readonly LossOfPart[]): TotalLoss {
  return graph.withRootScope('losses', () => {
    const crossEntropy = meanOver(parts, ({ crossEntropy }) => crossEntropy);
    const isSmoothed = parts.some((part) => part.labelCrossEntropy !== part.crossEntropy);
    const labelCrossEntropy = isSmoothed
      ? meanOver(parts, ({ labelCrossEntropy }) => labelCrossEntropy)
      : crossEntropy;
    const auxiliary =
      parts[0]!.auxiliary === null ? null : meanOver(parts, (part) => part.auxiliary!);
    const penalties = [...graph.variables.values()]
      .filter(({ weightDecay }) => weightDecay !== 0)
      .map(({ value, weightDecay }) => mul(l2Loss(value), constant(graph, 'float32', weightDecay)));
    const regularization =
      penalties.length === 0 ? null : addN(penalties, { name: 'regularization_loss' });
    const total = [auxiliary, regularization]
      .filter((part) => part !== null)
      .reduce((sum, part) => add(sum, part, { name: 'total_loss' }), crossEntropy);
    return { labelCrossEntropy, crossEntropy, auxiliary, regularization, total };
  });
}

/** What is a mean over each part as the mean over the batch. */
function meanOver(parts: readonly LossOfPart[], meanOf: (part: LossOfPart) => Tensor): Tensor {
  const weighted = parts.map((part) => {
    const mean = meanOf(part);
    return part.share === null ? mean : mul(mean, part.share);
  });
  return addN(weighted);
}
