/** The backward pass of a training step. */
import { gradients } from '../graph/gradients.ts';
import type { Tensor, Variable } from '../graph/graph.ts';
import type { TotalLoss } from './loss.ts';
import type { VariableGradient } from './optimizers.ts';

/** What the backward pass gives. */
interface Derivatives {
  /** Of the variables that the loss depends on. */
  readonly variableGradients: readonly VariableGradient[];
  /** dL/dh of each tap; null where the loss does not depend on it. */
  readonly tapDerivatives: ReadonlyMap<Tensor, Tensor | null>;
}

/**
 * The backward pass: derivatives of the loss with respect to variables and tapped layers. Asked for
 * once: a second call would add the whole pass again. Label smoothing and an auxiliary classifier need
 * it, for contributions of the labels as they are and the logits alone, but only from the loss to the
 * tapped layers.
 */
export function backward(
  loss: TotalLoss,
  trainable: readonly Variable[],
  taps: readonly Tensor[],
): Derivatives {
  const hasMore = loss.labelCrossEntropy !== loss.crossEntropy || loss.auxiliary !== null;
  const derivatives = gradients(loss.total, [
    ...trainable.map(({ value }) => value),
    ...(hasMore ? [] : taps),
  ]);
  const ofTaps = hasMore
    ? gradients(loss.labelCrossEntropy, taps)
    : derivatives.slice(trainable.length);
  const variableGradients = trainable.flatMap((variable, i) => {
    const gradient = derivatives[i];
    return gradient ? [{ variable, gradient }] : [];
  });
  return {
    variableGradients,
    tapDerivatives: new Map(taps.map((tap, i) => [tap, ofTaps[i]!])),
  };
}
