/** Layers as TF-Slim has them: each opens a scope of its name, makes its variables, returns its output. */
import { UserError } from '../errors.ts';
import { describe, type Initializer, type Tensor } from '../graph/graph.ts';
import { cast, gather, reshape } from '../graph/ops/array.ts';
import { dilatedConv2d } from '../graph/ops/dilation.ts';
import { matMul, mul } from '../graph/ops/math.ts';
import {
  biasAdd,
  conv2d as conv2dOp,
  type Padding,
  softmax as softmaxOp,
} from '../graph/ops/nn.ts';
import { getVariable } from '../graph/ops/variables.ts';
import { sizeOf } from '../graph/shape.ts';
import { type Activation, activate } from './activations.ts';
import { xavierUniform, zeros } from './initializers.ts';
import type { NetworkContext } from './network.ts';
import { type BatchNormParameters, batchNormalization } from './normalization.ts';

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

/** Class probabilities [n, classes] (slim.softmax). */
export function softmax(logits: Tensor, name: string): Tensor {
  return logits.graph.withScope(name, () => softmaxOp(logits));
}
