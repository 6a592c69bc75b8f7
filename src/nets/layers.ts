/** Layers as TF-Slim has them: each opens a scope of its name, makes its variables, returns its output. */
import { UserError } from '../errors.ts';
import type { Initializer, Tensor } from '../graph/graph.ts';
import { describe } from '../graph/graph.ts';
import { cast, constant, gather, reshape, slice, withGradient } from '../graph/ops/array.ts';
import { dilatedConv2d } from '../graph/ops/dilation.ts';
import { add, div, floor, matMul, mul, pow, rsqrt, sqrt, square, sub } from '../graph/ops/math.ts';
import {
  biasAdd,
  conv2d as conv2dOp,
  fusedBatchNorm,
  maxPool,
  type Padding,
  softmax as softmaxOp,
} from '../graph/ops/nn.ts';
import { statelessRandomUniform } from '../graph/ops/random.ts';
import { getVariable } from '../graph/ops/variables.ts';
import { sizeOf } from '../graph/shape.ts';
import { type Activation, activate } from './activations.ts';
import { constantValue, xavierUniform, zeros } from './initializers.ts';
import type { NetworkContext } from './network.ts';

/** Batch normalisation after a layer, in place of its bias. */
export interface BatchNormParameters {
  /** Share of the moving statistics that a step keeps. */
  readonly decay: number;
  /** Added to the variance. */
  readonly epsilon: number;
  /** Whether the result is scaled by gamma; true by default. */
  readonly scale?: boolean;
  /** Scope of its variables; 'BatchNorm' by default. */
  readonly name?: string;
}

/** What convolutions and fully connected layers have in common. */
export interface WeightLayerOptions {
  /** 'relu' by default */
  readonly activation?: Activation;
  /** Xavier-uniform by default */
  readonly weights?: Initializer;
  /** zeros by default; unused with batch normalisation */
  readonly biases?: Initializer | 'none';
  /** Names of the variables, 'weights' and 'biases' by default. */
  readonly names?: { readonly weights: string; readonly biases: string };
  /** Whether the weights get the context's L2 penalty; false by default. */
  readonly regularized?: boolean;
  readonly batchNorm?: BatchNormParameters;
}

function addBiases(x: Tensor, { biases = zeros, names }: WeightLayerOptions): Tensor {
  if (biases === 'none') return x;
  const name = names?.biases ?? 'biases';
  const { value } = getVariable(x.graph, name, [x.shape.at(-1)!], { initializer: biases });
  return biasAdd(x, cast(value, x.dtype));
}

/**
 * Adds what follows the weights: normalisation or bias, and activation. It stays in the type of the
 * product, which TensorFlow then computes in one operation with it; but what is neither normalised nor
 * activated, as logits are, is float32 from there on.
 */
export function finish(
  context: NetworkContext,
  product: Tensor,
  options: WeightLayerOptions,
): Tensor {
  const { activation = 'relu', batchNorm } = options;
  if (batchNorm !== undefined) {
    return activate(batchNormalization(context, product, batchNorm), activation);
  }
  const x = activation === 'linear' ? cast(product, 'float32') : product;
  return activate(addBiases(x, options), activation);
}

/** The variable of a layer's weights, in the current scope. */
export function weightsOf(
  context: NetworkContext,
  x: Tensor,
  shape: readonly number[],
  { weights = xavierUniform, regularized = false, names }: WeightLayerOptions,
): Tensor {
  return getVariable(x.graph, names?.weights ?? 'weights', shape, {
    initializer: weights,
    weightDecay: regularized ? context.weightDecay : 0,
  }).value;
}

/** What a convolution takes besides. */
export interface Conv2dLayerOptions extends WeightLayerOptions {
  /** Pixels between windows in both directions; 1 by default. */
  readonly stride?: number;
  /** Pixels from one element of the kernel to the next, 1 by default; with more, the stride is 1. */
  readonly rate?: number;
  /** 'SAME' by default */
  readonly padding?: Padding;
}

/**
 * Convolution (slim.conv2d).
 *
 * @param x        [n, h, w, channels]
 * @param filters  channels of the output
 * @param kernel   side of the kernel in pixels, or its height and width
 * @returns        [n, h', w', filters]
 * @throws UserError  when a dilated convolution has a stride, or the kernel does not fit
 */
export function conv2d(
  context: NetworkContext,
  x: Tensor,
  name: string,
  filters: number,
  kernel: number | readonly [height: number, width: number],
  options: Conv2dLayerOptions = {},
): Tensor {
  return x.graph.withScope(name, () => {
    const { stride = 1, rate = 1, padding = 'SAME' } = options;
    if (rate > 1 && stride > 1) {
      throw new UserError(`${name}: got stride ${stride} and rate ${rate}; one of them must be 1.`);
    }
    const sides = typeof kernel === 'number' ? [kernel, kernel] : kernel;
    const weights = weightsOf(context, x, [...sides, x.shape[3]!, filters], options);
    const { computeType } = context;
    const [image, filter] = [cast(x, computeType), cast(weights, computeType)];
    const y =
      rate > 1
        ? dilatedConv2d(image, filter, { rate, padding })
        : conv2dOp(image, filter, { stride, padding });
    return finish(context, y, options);
  });
}

/**
 * Fully connected layer (slim.fully_connected).
 *
 * @param x      [n, inputs]
 * @param units  size of the output
 * @returns      [n, units]
 */
export function fullyConnected(
  context: NetworkContext,
  x: Tensor,
  name: string,
  units: number,
  options: WeightLayerOptions = {},
): Tensor {
  return x.graph.withScope(name, () => {
    const weights = weightsOf(context, x, [x.shape[1]!, units], options);
    const { computeType } = context;
    const y = matMul(cast(x, computeType), cast(weights, computeType));
    return finish(context, y, options);
  });
}

/** Max pooling with square windows, VALID by default (slim.max_pool2d): [n, h, w, c] → [n, h', w', c]. */
export function maxPool2d(
  x: Tensor,
  name: string,
  window: number,
  { stride = 2, padding = 'VALID' }: { readonly stride?: number; readonly padding?: Padding } = {},
): Tensor {
  return x.graph.withScope(name, () => maxPool(x, { window, stride, padding }));
}

/**
 * The vectors of tokens (slim.embed_sequence), zero for padding.
 *
 * @param tokens   int32 [n, time], 0..vocabulary size−1
 * @param isToken  float32 [n, time, 1]: 1 for tokens, 0 for padding
 * @param size     elements of a vector
 * @returns        float32 [n, time, size]
 * @throws UserError  when the context has no vocabulary, as for images
 */
export function embedding(
  context: NetworkContext,
  tokens: Tensor,
  isToken: Tensor,
  name: string,
  size: number,
  initializer: Initializer,
): Tensor {
  const { graph } = tokens;
  const { vocabularySize } = context;
  if (vocabularySize === undefined) {
    throw new UserError(`${name}: got ${describe(tokens)} without a vocabulary; expected texts.`);
  }
  return graph.withScope(name, () => {
    const table = getVariable(graph, 'embeddings', [vocabularySize, size], { initializer });
    return mul(gather(table.value, tokens), isToken);
  });
}

/**
 * Convolution over time, SAME (slim.conv1d): element t of the output is computed from `kernel`
 * elements around t. Runs as a 2-D convolution over images of height 1, as TensorFlow has it.
 *
 * @param x        [n, time, channels]
 * @param filters  channels of the output
 * @param kernel   elements of the kernel
 * @returns        [n, time, filters]
 */
export function conv1d(
  context: NetworkContext,
  x: Tensor,
  name: string,
  filters: number,
  kernel: number,
  options: WeightLayerOptions = {},
): Tensor {
  return x.graph.withScope(name, () => {
    const [, time, channels] = x.shape as [number, number, number];
    const weights = weightsOf(context, x, [kernel, channels, filters], options);
    const { computeType } = context;
    const y = conv2dOp(
      cast(reshape(x, [-1, 1, time, channels]), computeType),
      cast(reshape(weights, [1, kernel, channels, filters]), computeType),
      { stride: 1, padding: 'SAME' },
    );
    return finish(context, reshape(y, [-1, time, filters]), options);
  });
}

/** [n, …] → [n, product of the rest], row-major (slim.flatten). */
export function flatten(x: Tensor): Tensor {
  return x.graph.withScope('Flatten', () => reshape(x, [-1, sizeOf(x.shape.slice(1))]));
}

/**
 * Inverted dropout (slim.dropout): keeps each element with probability `keepProbability` and scales
 * the kept ones by its inverse; outside of training, or without dropout, the identity.
 *
 * @param layerIndex  different for each dropout of a network, so that their masks differ
 */
export function dropout(
  context: NetworkContext,
  x: Tensor,
  name: string,
  keepProbability: number,
  layerIndex = 0,
): Tensor {
  if (!context.isTraining || context.withoutDropout) return x;
  return x.graph.withScope(name, () =>
    mul(x, keptScaled(context, x, keepProbability, layerIndex), { name: 'dropout' }),
  );
}

/** In the shape of `like`: 1 / keepProbability with that probability, else 0. */
function keptScaled(
  context: NetworkContext,
  like: Tensor,
  keepProbability: number,
  layerIndex: number,
): Tensor {
  // The seed's second word counts steps: another first word is another sequence of masks.
  const word = Math.imul(layerIndex, 0x9e3779b1);
  const ownSeed = add(context.dropoutSeed, constant(like.graph, 'int32', [word, 0]));
  const mask = floor(add(statelessRandomUniform(ownSeed, like), keepProbability));
  return cast(mul(mask, 1 / keepProbability), like.dtype);
}

/**
 * Stochastic depth (Huang et al. 2016): drops a branch of whole items, each kept with probability
 * `keepProbability` and scaled by its inverse; outside of training, or without dropout or without
 * dropped branches, the identity.
 *
 * @param x           [n, h, w, c]
 * @param layerIndex  as of `dropout`, and different from all of those
 */
export function dropBranch(
  context: NetworkContext,
  x: Tensor,
  name: string,
  keepProbability: number,
  layerIndex: number,
): Tensor {
  const { isTraining, withoutDropout, withoutDroppedBranches } = context;
  if (!isTraining || withoutDropout || withoutDroppedBranches || keepProbability === 1) return x;
  return x.graph.withScope(name, () => {
    const onePerItem = slice(x, [0, 0, 0, 0], [-1, 1, 1, 1]);
    return mul(x, keptScaled(context, onePerItem, keepProbability, layerIndex), { name });
  });
}

/** Class probabilities [n, classes] (slim.softmax). */
export function softmax(logits: Tensor, name: string): Tensor {
  return logits.graph.withScope(name, () => softmaxOp(logits));
}

/**
 * Batch normalisation with offset and, unless it is switched off, scale (slim.batch_norm).
 *
 * While training, x is normalised with the batch's statistics and the moving ones are moved by the
 * context's updates; otherwise, and where it is frozen, with the moving ones.
 *
 * @param x  [n, h, w, c]
 */
export function batchNormalization(
  context: NetworkContext,
  x: Tensor,
  { decay, epsilon, scale = true, name = 'BatchNorm' }: BatchNormParameters,
): Tensor {
  const { graph } = x;
  return graph.withScope(name, () => {
    const shape = [x.shape[3]!];
    const one = constantValue(1);
    const gamma = scale
      ? getVariable(graph, 'gamma', shape, { initializer: one }).value
      : constant(graph, 'float32', new Float32Array(shape[0]!).fill(1), shape, { name: 'gamma' });
    const beta = getVariable(graph, 'beta', shape, { initializer: zeros });
    const statistics = { trainable: false };
    const movingMean = getVariable(graph, 'moving_mean', shape, {
      ...statistics,
      initializer: zeros,
    });
    const movingVariance = getVariable(graph, 'moving_variance', shape, {
      ...statistics,
      initializer: one,
    });
    const isTraining = context.isTraining && !context.freezeBatchNorm;
    const { y, mean, variance } = fusedBatchNorm(
      x,
      gamma,
      beta.value,
      movingMean.value,
      movingVariance.value,
      { epsilon, isTraining },
    );
    if (isTraining) {
      for (const [moving, ofBatch] of [
        [movingMean, mean],
        [movingVariance, variance],
      ] as const) {
        // moving ← moving − (1 − decay)·(moving − batch)
        const step = mul(sub(moving.value, ofBatch), 1 - decay);
        context.updates.push({ variable: moving, value: sub(moving.value, step) });
      }
    }
    return y;
  });
}

/** Parameters of local response normalisation. */
export interface LrnParameters {
  /** Channels to each side that count. */
  readonly depthRadius: number;
  readonly bias: number;
  readonly alpha: number;
  readonly beta: number;
}

/**
 * Local response normalisation over channels (TF op LRN; Krizhevsky 2012):
 * y = x / (bias + alpha·Σ x²)^beta, the sum over the channels within the depth radius.
 *
 * The window sum is a product with a banded matrix, which TensorFlow runs three times as fast as its
 * LRN and LRNGrad ops (docs/benchmarks.md). Its elements are alpha, and the bias is added as that of a
 * layer is, in the same operation: what is left are the fewest passes over x that its ops allow.
 *
 * @param x  [n, h, w, c]
 */
export function localResponseNormalization(
  x: Tensor,
  name: string,
  { depthRadius, bias, alpha, beta }: LrnParameters,
): Tensor {
  const { graph, dtype } = x;
  const channels = x.shape.at(-1)!;
  if (channels < 0) throw new Error(`${name}: unknown number of channels in ${describe(x)}`);
  return graph.withScope(name, () => {
    /** factor·Σ t over the window, [n·h·w, c] */
    const windowSum = (t: Tensor, factor: number) => {
      const elements = Array.from({ length: channels * channels }, (_, i) =>
        Math.abs((i % channels) - Math.floor(i / channels)) <= depthRadius ? factor : 0,
      );
      const band = constant(graph, 'float32', elements, [channels, channels], { name: 'band' });
      return matMul(reshape(t, [-1, channels]), cast(band, dtype));
    };
    const inShapeOfX = (rows: Tensor) => reshape(rows, [-1, ...x.shape.slice(1)]);
    const biases = constant(graph, 'float32', new Float32Array(channels).fill(bias));
    const d = inShapeOfX(biasAdd(windowSum(square(x), alpha), cast(biases, dtype)));
    const r = rsqrt(d);
    // d^−¾ by two square roots: several times as fast as the general power.
    const p =
      beta === 0.75 ? mul(r, sqrt(r)) : pow(d, cast(constant(graph, 'float32', -beta), dtype));
    const y = mul(x, p);
    return withGradient(y, x, (dy) => {
      const sums = windowSum(div(mul(dy, y), d), 2 * alpha * beta);
      return sub(mul(dy, p), mul(x, inShapeOfX(sums)));
    });
  });
}
