/** The loss contribution of hidden variables (Lee 2021, Equ. 4 to 7) as nodes of the training graph. */
import type { Tensor } from '../graph/graph.ts';
import { cast, gather } from '../graph/ops/array.ts';
import { maximum, minimum, mul, neg, sum } from '../graph/ops/math.ts';

/** A hidden layer with what the training step computes of it anyway. */
export interface TappedLayer {
  /** Name of the end point. */
  readonly name: string;
  /** f, [n, …] */
  readonly activation: Tensor;
  /** b = dL/dh of the batch-mean loss, in the shape of the activation. */
  readonly gradient: Tensor;
  /**
   * Number of items in the batch, float32 []. The mean puts 1/n into b; contributions are
   * multiplied by n, so that items of batches of different sizes compare.
   */
  readonly batchSize: Tensor;
}

/** Axes of a tensor but the first, the batch. */
function itemAxes(x: Tensor): number[] {
  return x.shape.slice(1).map((_, i) => i + 1);
}

/** f·b (Equ. 4 without the factor n), in float32 whatever the layer is computed in. */
export function elementContributions(activation: Tensor, gradient: Tensor): Tensor {
  return mul(cast(activation, 'float32'), cast(gradient, 'float32'));
}

/**
 * Loss contribution per data item: the sum of f·b over all elements of its hidden variables
 * (Lee 2021, Equ. 5).
 *
 * @returns  float32 [n], nats; positive where the layer's values raise the item's loss
 */
export function itemContribution({ activation, gradient, batchSize }: TappedLayer): Tensor {
  const elements = elementContributions(activation, gradient);
  return mul(sum(elements, itemAxes(activation)), batchSize);
}

/** What is monitored of some items at one layer. All in nats. */
export interface MonitoredContributions {
  /** Equ. 5, float32 [rows] */
  readonly contribution: Tensor;
  /** C and R for a layer with space between batch and channels: height and width, or time. */
  readonly maps?: { readonly contributionMap: Tensor; readonly reductionMap: Tensor };
  /** Contribution per channel, float32 [rows, channels], for a layer without. */
  readonly channels?: Tensor;
}

/**
 * Contributions of the monitored rows of a batch at one layer.
 *
 * C(x, y) = Σ_c max(f·b, 0) (Equ. 6) and R(x, y) = −Σ_c min(f·b, 0) (Equ. 7), both ≥ 0. Spatial
 * are all dimensions between the batch and the channels: the maps are float32 [rows, height, width]
 * at a layer over images, [rows, time] at one over texts.
 *
 * @param rows  int32 [rows], indices into the batch, possibly none
 */
export function monitoredContributions(layer: TappedLayer, rows: Tensor): MonitoredContributions {
  const activation = gather(layer.activation, rows);
  const gradient = gather(layer.gradient, rows);
  // Equ. 4, for the monitored rows alone
  const elements = mul(elementContributions(activation, gradient), layer.batchSize);
  const contribution = sum(elements, itemAxes(elements));
  const channelAxis = elements.shape.length - 1;
  if (channelAxis < 2) return { contribution, channels: elements };
  return {
    contribution,
    maps: {
      contributionMap: sum(maximum(elements, 0), [channelAxis]),
      reductionMap: neg(sum(minimum(elements, 0), [channelAxis])),
    },
  };
}
