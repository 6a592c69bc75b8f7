/** The loss contribution of hidden variables (Lee 2021, Equ. 4 to 7) as nodes of the training graph. */
import type { Tensor } from '../graph/graph.ts';
import { cast, gather, reshape, shapeOf, slice } from '../graph/ops/array.ts';
import { maximum, mul, sub, sum } from '../graph/ops/math.ts';
import { relu } from '../graph/ops/nn.ts';

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

/** What f·b sums up to over the channels of a layer, in the shape of the activation but for them. In nats. */
interface ChannelSums {
  /** Σ_c f·b, [n, …]; nothing is left but the batch at a layer without space. */
  readonly sum: Tensor;
  /** Σ_c max(f·b, 0), likewise, ≥ 0. */
  readonly positive: Tensor;
}

/** What f·b sums up to over all elements of an item. In nats, float32 [n]. */
export interface SignedContributions {
  /** S, Equ. 5: positive where the layer's values raise the item's loss. */
  readonly contribution: Tensor;
  /** Σ max(f·b, 0) ≥ 0 */
  readonly positive: Tensor;
  /** −Σ min(f·b, 0) ≥ 0 */
  readonly negative: Tensor;
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

/** The number of items in a batch, float32 []. @param labels  one for each, [n] */
export function batchSizeOf(labels: Tensor): Tensor {
  return cast(reshape(slice(shapeOf(labels), [0], [1]), []), 'float32', { name: 'batch_size' });
}

/** f·b (Equ. 4 without the factor n), in float32 whatever the layer is computed in. */
export function elementContributions(activation: Tensor, gradient: Tensor): Tensor {
  return mul(cast(activation, 'float32'), cast(gradient, 'float32'));
}

/** Axes of a tensor but the first, the batch. */
function itemAxes(x: Tensor): number[] {
  return x.shape.slice(1).map((_, i) => i + 1);
}

/** Σ over all axes but the batch, [n]. */
function itemSum(x: Tensor): Tensor {
  return x.shape.length === 1 ? x : sum(x, itemAxes(x));
}

/**
 * The sums over channels, which is all that touches every element of the layer: one product, its two
 * sums, and between them its positive part, for which no memory is taken. Measured in docs/benchmarks.md.
 */
function channelSums({ activation, gradient, batchSize }: TappedLayer): ChannelSums {
  const elements = elementContributions(activation, gradient);
  const channelAxis = elements.shape.length - 1;
  const total = sum(elements, [channelAxis]);
  // Once the first sum is done nothing else needs the product, and TensorFlow clips it in place.
  const clipped = relu(elements, { after: [total.node] });
  // n times a sum is cheaper than n times each element.
  return {
    sum: mul(total, batchSize),
    positive: mul(sum(clipped, [channelAxis]), batchSize),
  };
}

/** The negative part of what sums to `total`, of which the positive is known; rounding makes none below 0. */
function negativePart(positive: Tensor, total: Tensor): Tensor {
  return maximum(sub(positive, total), 0);
}

/**
 * Loss contribution per data item: the sum of f·b over all elements of its hidden variables
 * (Lee 2021, Equ. 5).
 *
 * @returns  float32 [n], nats; positive where the layer's values raise the item's loss
 */
export function itemContribution({ activation, gradient, batchSize }: TappedLayer): Tensor {
  return mul(itemSum(elementContributions(activation, gradient)), batchSize);
}

/** Loss contribution per data item, with its positive and negative part. */
export function signedContributions(layer: TappedLayer): SignedContributions {
  const sums = channelSums(layer);
  const contribution = itemSum(sums.sum);
  const positive = itemSum(sums.positive);
  return { contribution, positive, negative: negativePart(positive, contribution) };
}

/** The layer as if the batch were these rows of it; the gradient stays that of the whole batch's mean. */
function rowsOf(layer: TappedLayer, rows: Tensor): TappedLayer {
  const { activation, gradient } = layer;
  return { ...layer, activation: gather(activation, rows), gradient: gather(gradient, rows) };
}

/**
 * Contributions of the monitored rows of a batch at one layer.
 *
 * C(x, y) = Σ_c max(f·b, 0) (Equ. 6) and R(x, y) = −Σ_c min(f·b, 0) (Equ. 7), both ≥ 0. Spatial
 * are all dimensions between the batch and the channels: the maps are float32 [rows, height, width]
 * at a layer over images, [rows, time] at one over texts. R is C less the sum over the channels, and
 * so as exact as C is.
 *
 * @param rows  int32 [rows], indices into the batch, possibly none; null for the whole batch, which
 *              spares their copies
 */
export function monitoredContributions(
  layer: TappedLayer,
  rows: Tensor | null,
): MonitoredContributions {
  const monitored = rows === null ? layer : rowsOf(layer, rows);
  if (monitored.activation.shape.length < 3) {
    const { activation, gradient } = monitored;
    const channels = mul(elementContributions(activation, gradient), layer.batchSize);
    return { contribution: itemSum(channels), channels };
  }
  const { sum: total, positive } = channelSums(monitored);
  const maps = { contributionMap: positive, reductionMap: negativePart(positive, total) };
  return { contribution: itemSum(total), maps };
}
