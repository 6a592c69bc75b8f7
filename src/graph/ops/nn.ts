/** Ops of neural networks. Images are NHWC, kernels HWIO, as in TensorFlow. */
import { UserError } from '../../errors.ts';
import type { Attr, Shape, Tensor } from '../graph.ts';
import { describe } from '../graph.ts';
import { compatible, windowedSize } from '../shape.ts';
import { constant, shapeOf } from './array.ts';
import { addOp, expectRank, expectSameDType, type OpOptions } from './op.ts';

/** How windows treat the border. */
export type Padding = 'SAME' | 'VALID';

/** Attributes of a 2-D convolution. */
export interface Conv2dOptions extends OpOptions {
  /** Pixels between windows in both directions. */
  readonly stride: number;
  readonly padding: Padding;
}

/** Attributes of a 2-D pooling with square windows. */
export interface PoolOptions extends OpOptions {
  /** Side of the window in pixels. */
  readonly window: number;
  /** Pixels between windows in both directions. */
  readonly stride: number;
  readonly padding: Padding;
}

/** What the ops of a convolution and its derivatives have in common. */
export function conv2dAttrs(x: Tensor, { stride, padding }: Conv2dOptions): Record<string, Attr> {
  return {
    T: { type: x.dtype },
    strides: { ints: [1, stride, stride, 1] },
    padding: { s: padding },
    data_format: { s: 'NHWC' },
  };
}

/** What the ops of a pooling and its derivative have in common. */
export function poolAttrs(
  x: Tensor,
  { window, stride, padding }: PoolOptions,
): Record<string, Attr> {
  return {
    T: { type: x.dtype },
    ksize: { ints: [1, window, window, 1] },
    strides: { ints: [1, stride, stride, 1] },
    padding: { s: padding },
    data_format: { s: 'NHWC' },
  };
}

/**
 * 2-D convolution (TF op Conv2D).
 *
 * @param x       [n, h, w, in]
 * @param filter  [kh, kw, in, out]
 * @returns       [n, h', w', out]
 * @throws UserError  when the channels differ or the filter does not fit
 */
export function conv2d(x: Tensor, filter: Tensor, options: Conv2dOptions): Tensor {
  expectRank('Conv2D', x, 4);
  expectRank('Conv2D', filter, 4);
  expectSameDType('Conv2D', [x, filter]);
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [rows, columns, inner, outer] = filter.shape as [number, number, number, number];
  if (channels !== inner) {
    throw new UserError(
      `Conv2D: got ${describe(x)} and the filter ${describe(filter)}; channels differ.`,
    );
  }
  const { stride, padding } = options;
  const where = `Conv2D ${x.graph.scope}`;
  const shape = [
    batch,
    windowedSize(height, rows, stride, padding, where),
    windowedSize(width, columns, stride, padding, where),
    outer,
  ];
  return addOp(x.graph, 'Conv2D', [x, filter], conv2dAttrs(x, options), x.dtype, shape, options);
}

/** Derivative of conv2d with respect to its input, in the shape of `input` (TF op Conv2DBackpropInput). */
export function conv2dBackpropInput(
  input: Tensor,
  filter: Tensor,
  dy: Tensor,
  options: Conv2dOptions,
): Tensor {
  return addOp(
    dy.graph,
    'Conv2DBackpropInput',
    [shapeOf(input), filter, dy],
    conv2dAttrs(dy, options),
    dy.dtype,
    input.shape,
    options,
  );
}

/** Derivative of conv2d with respect to its filter (TF op Conv2DBackpropFilter). */
export function conv2dBackpropFilter(
  input: Tensor,
  filterShape: Shape,
  dy: Tensor,
  options: Conv2dOptions,
): Tensor {
  const sizes = constant(dy.graph, 'int32', filterShape, undefined, { name: 'filter_sizes' });
  return addOp(
    dy.graph,
    'Conv2DBackpropFilter',
    [input, sizes, dy],
    conv2dAttrs(dy, options),
    dy.dtype,
    filterShape,
    options,
  );
}

/** Adds one number per channel, the last dimension (TF op BiasAdd). */
export function biasAdd(x: Tensor, bias: Tensor, options: OpOptions = {}): Tensor {
  expectRank('BiasAdd', bias, 1);
  expectSameDType('BiasAdd', [x, bias]);
  if (!compatible(x.shape.slice(-1), bias.shape)) {
    throw new UserError(`BiasAdd: got ${describe(x)} and ${describe(bias)}; channels differ.`);
  }
  const attrs = { T: { type: x.dtype }, data_format: { s: 'NHWC' } };
  return addOp(x.graph, 'BiasAdd', [x, bias], attrs, x.dtype, x.shape, options);
}

/** Sum over all dimensions but the last (TF op BiasAddGrad). */
export function biasAddGrad(dy: Tensor, options: OpOptions = {}): Tensor {
  const attrs = { T: { type: dy.dtype }, data_format: { s: 'NHWC' } };
  return addOp(dy.graph, 'BiasAddGrad', [dy], attrs, dy.dtype, dy.shape.slice(-1), options);
}

/** max(x, 0) (TF op Relu) */
export function relu(x: Tensor, options: OpOptions = {}): Tensor {
  return addOp(x.graph, 'Relu', [x], { T: { type: x.dtype } }, x.dtype, x.shape, options);
}

/** dy where the ReLU's output (or input) is positive, else 0 (TF op ReluGrad). */
export function reluGrad(dy: Tensor, features: Tensor, options: OpOptions = {}): Tensor {
  const attrs = { T: { type: dy.dtype } };
  return addOp(dy.graph, 'ReluGrad', [dy, features], attrs, dy.dtype, dy.shape, options);
}

/** Largest element of each window (TF op MaxPool): [n, h, w, c] → [n, h', w', c]. */
export function maxPool(x: Tensor, options: PoolOptions): Tensor {
  expectRank('MaxPool', x, 4);
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const { window, stride, padding } = options;
  const where = `MaxPool ${x.graph.scope}`;
  const shape = [
    batch,
    windowedSize(height, window, stride, padding, where),
    windowedSize(width, window, stride, padding, where),
    channels,
  ];
  return addOp(x.graph, 'MaxPool', [x], poolAttrs(x, options), x.dtype, shape, options);
}

/** Derivative of maxPool: dy goes to the first largest element of each window (TF op MaxPoolGrad). */
export function maxPoolGrad(x: Tensor, y: Tensor, dy: Tensor, options: PoolOptions): Tensor {
  return addOp(
    x.graph,
    'MaxPoolGrad',
    [x, y, dy],
    poolAttrs(x, options),
    x.dtype,
    x.shape,
    options,
  );
}

/** Probabilities over the last dimension (TF op Softmax). */
export function softmax(logits: Tensor, options: OpOptions = {}): Tensor {
  const attrs = { T: { type: logits.dtype } };
  return addOp(logits.graph, 'Softmax', [logits], attrs, logits.dtype, logits.shape, options);
}

/** Logarithm of the softmax over the last dimension (TF op LogSoftmax). */
export function logSoftmax(logits: Tensor, options: OpOptions = {}): Tensor {
  const attrs = { T: { type: logits.dtype } };
  return addOp(logits.graph, 'LogSoftmax', [logits], attrs, logits.dtype, logits.shape, options);
}

/**
 * Cross-entropy in nats between target distributions and softmax(logits)
 * (TF op SoftmaxCrossEntropyWithLogits).
 *
 * @param logits   [n, classes]
 * @param targets  [n, classes], rows sum to 1
 * @returns        loss [n] and its derivative with respect to the logits [n, classes]
 */
export function softmaxCrossEntropy(
  logits: Tensor,
  targets: Tensor,
  options: OpOptions = {},
): { loss: Tensor; backprop: Tensor } {
  expectRank('SoftmaxCrossEntropyWithLogits', logits, 2);
  if (!compatible(logits.shape, targets.shape)) {
    throw new UserError(
      `SoftmaxCrossEntropyWithLogits: got ${describe(logits)} and ${describe(targets)}; expected one shape.`,
    );
  }
  const { dtype, shape, graph } = logits;
  const node = graph.addNode({
    op: 'SoftmaxCrossEntropyWithLogits',
    name: options.name,
    inputs: [logits, targets],
    controlInputs: options.after ?? [],
    attrs: { T: { type: dtype } },
    outputs: [
      { dtype, shape: [shape[0]!] },
      { dtype, shape },
    ],
  });
  return { loss: node.outputs[0]!, backprop: node.outputs[1]! };
}

/** Σx²/2, a scalar (TF op L2Loss). */
export function l2Loss(x: Tensor, options: OpOptions = {}): Tensor {
  return addOp(x.graph, 'L2Loss', [x], { T: { type: x.dtype } }, x.dtype, [], options);
}

/** Attributes of a batch normalisation. */
export interface BatchNormOptions extends OpOptions {
  /** Added to the variance. */
  readonly epsilon: number;
  /** Whether the batch's own mean and variance are used. */
  readonly isTraining: boolean;
}

/** What fusedBatchNorm computes. */
export interface BatchNormOutputs {
  /** [n, h, w, c] */
  readonly y: Tensor;
  /** [c] of the batch (training) or as given */
  readonly mean: Tensor;
  /** [c]; in training with Bessel's correction n/(n−1) */
  readonly variance: Tensor;
}

/**
 * Batch normalisation over all dimensions but the last (TF op FusedBatchNormV3).
 *
 * @param x         [n, h, w, c]
 * @param scale     gamma [c]
 * @param offset    beta [c]
 * @param mean      moving mean [c], used when not training
 * @param variance  moving variance [c], used when not training
 */
export function fusedBatchNorm(
  x: Tensor,
  scale: Tensor,
  offset: Tensor,
  mean: Tensor,
  variance: Tensor,
  { epsilon, isTraining, ...options }: BatchNormOptions,
): BatchNormOutputs {
  expectRank('FusedBatchNormV3', x, 4);
  const perChannel = { dtype: scale.dtype, shape: scale.shape };
  const node = x.graph.addNode({
    op: 'FusedBatchNormV3',
    name: options.name,
    inputs: [x, scale, offset, mean, variance],
    attrs: {
      T: { type: x.dtype },
      U: { type: scale.dtype },
      epsilon: { f: epsilon },
      exponential_avg_factor: { f: 1 },
      is_training: { b: isTraining },
      data_format: { s: 'NHWC' },
    },
    outputs: [
      { dtype: x.dtype, shape: x.shape },
      perChannel,
      perChannel,
      perChannel,
      perChannel,
      perChannel,
    ],
  });
  return { y: node.outputs[0]!, mean: node.outputs[1]!, variance: node.outputs[2]! };
}

/**
 * Derivatives of fusedBatchNorm (TF op FusedBatchNormGradV3).
 *
 * @param reserved  outputs 3, 4 and 5 of the forward node
 * @returns         derivatives with respect to x, scale and offset
 */
export function fusedBatchNormGrad(
  dy: Tensor,
  x: Tensor,
  scale: Tensor,
  reserved: readonly [Tensor, Tensor, Tensor],
  { epsilon, isTraining, ...options }: BatchNormOptions,
): { dx: Tensor; dScale: Tensor; dOffset: Tensor } {
  const perChannel = { dtype: scale.dtype, shape: scale.shape };
  const node = x.graph.addNode({
    op: 'FusedBatchNormGradV3',
    name: options.name,
    inputs: [dy, x, scale, ...reserved],
    attrs: {
      T: { type: x.dtype },
      U: { type: scale.dtype },
      epsilon: { f: epsilon },
      is_training: { b: isTraining },
      data_format: { s: 'NHWC' },
    },
    outputs: [
      { dtype: x.dtype, shape: x.shape },
      perChannel,
      perChannel,
      { dtype: scale.dtype, shape: [0] },
      { dtype: scale.dtype, shape: [0] },
    ],
  });
  return { dx: node.outputs[0]!, dScale: node.outputs[1]!, dOffset: node.outputs[2]! };
}
