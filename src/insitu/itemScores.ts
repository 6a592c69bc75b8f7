/**
 * Scores of every item of a batch as nodes of the training graph: what the step computes anyway,
 * reduced to a few numbers for each item.
 *
 * With z the logits of an item, p = softmax(z), y its label as it is trained on (planted or
 * relabelled), h what goes into the last layer; in nats unless said otherwise:
 *
 * | name                  | value                                                               |
 * |-----------------------|---------------------------------------------------------------------|
 * | contribution          | S = Σ f·b at Hs (Lee 2021, Equ. 5); S = C − R                       |
 * | contribution_positive | C = Σ max(f·b, 0), ≥ 0                                              |
 * | contribution_negative | R = −Σ min(f·b, 0), ≥ 0                                             |
 * | loss                  | L = −log p_y, without label smoothing                               |
 * | margin                | z_y − max over k ≠ y of z_k, in logits (Pleiss et al. 2020, AUM)    |
 * | entropy               | H = −Σ p_k log p_k                                                  |
 * | confidence            | p_y, 0..1 (Swayamdipta et al. 2020, data maps)                      |
 * | el2n                  | ‖p − onehot(y)‖₂, 0..√2 (Paul et al. 2021)                          |
 * | grand                 | ‖∇L‖₂ for the last layer's weights and bias: el2n·√(‖h‖² + 1) (same)|
 *
 * At the logits Σ f·b is L − H, since b = p − onehot(y) sums to 0 over the classes. For the same
 * reason a constant added to all logits leaves S alone but not its parts, so these are taken at
 * log p, the logits that sum to 1 as probabilities: C = −(1 − p_y)·log p_y and
 * R = −Σ over j ≠ y of p_j·log p_j. There S, C and R are free of label smoothing, too.
 */
import type { Tensor } from '../graph/graph.ts';
import { cast, concat, oneHot, reshape } from '../graph/ops/array.ts';
import { add, exp, max, mul, neg, sqrt, square, sub, sum } from '../graph/ops/math.ts';
import { logSoftmax } from '../graph/ops/nn.ts';
import type { OpOptions } from '../graph/ops/op.ts';
import { lastLayerOf } from './lastLayer.ts';
import {
  type SignedContributions,
  signedContributions,
  type TappedLayer,
} from './lossContribution.ts';
import { type StepScore, stepScores } from './stepScores.ts';

/** Further below every logit than logits are apart, and far from float32's end. */
const excluded = 1e30;

/**
 * Adds the scores of every item of the batch.
 *
 * @param logits          [n, classes]
 * @param p               softmax of the logits
 * @param labels          int32 [n]
 * @param selectionLayer  Hs, unless that is the logits: there no gradient is needed
 * @returns               float32 [scores·n]: all items' first score, then all their second, …;
 *                        `grand` is 0 where the logits do not come from a dense layer
 */
export function itemScores(
  logits: Tensor,
  p: Tensor,
  labels: Tensor,
  selectionLayer: TappedLayer | null,
): Tensor {
  const hard = oneHot(labels, logits.shape[1]!);
  const logP = logSoftmax(logits);
  const loss = neg(sum(mul(hard, logP), [1]));
  const entropy = neg(sum(mul(p, logP), [1]));
  const confidence = exp(neg(loss));
  const others = sub(logits, mul(hard, excluded));
  const margin = sub(sum(mul(hard, logits), [1]), max(others, [1]));
  const el2n = sqrt(sum(square(sub(p, hard)), [1]));
  const { contribution, positive, negative } =
    selectionLayer === null
      ? atLogits(loss, entropy, confidence)
      : signedContributions(selectionLayer);
  const scores: Record<StepScore, Tensor> = {
    contribution,
    contribution_positive: positive,
    contribution_negative: negative,
    loss,
    margin,
    entropy,
    confidence,
    el2n,
    grand: mul(el2n, lastLayerScale(logits, el2n)),
  };
  return concat(
    stepScores.map((name) => scores[name]),
    0,
    { name: 'scores' },
  );
}

/** The scores of parts of a batch as those of all of it, packed as they are. */
export function joinScores(parts: readonly Tensor[], options: OpOptions = {}): Tensor {
  const byScore = parts.map((scores) => reshape(scores, [stepScores.length, -1]));
  return reshape(concat(byScore, 1), [-1], options);
}

/** S, C and R at log p. */
function atLogits(loss: Tensor, entropy: Tensor, confidence: Tensor): SignedContributions {
  const ofLabel = mul(confidence, loss);
  return {
    contribution: sub(loss, entropy),
    positive: sub(loss, ofLabel),
    negative: sub(entropy, ofLabel),
  };
}

/** √(‖h‖² + 1), without the 1 where no bias is added, [n]; zeros where there is no such layer. */
function lastLayerScale(logits: Tensor, like: Tensor): Tensor {
  const lastLayer = lastLayerOf(logits);
  if (lastLayer === null) return mul(like, 0);
  const { input, hasBias } = lastLayer;
  const axes = input.shape.slice(1).map((_, i) => i + 1);
  const squares = sum(square(cast(input, 'float32')), axes);
  return sqrt(hasBias ? add(squares, 1) : squares);
}
