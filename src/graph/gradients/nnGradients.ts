/** Gradients of the ops of ops/nn.ts. */
import type { Node, Tensor } from '../graph.ts';
import { attr } from '../nodeInputs.ts';
import { reshape } from '../ops/array.ts';
import { exp, mul, sub, sum } from '../ops/math.ts';
import {
  biasAddGrad,
  type Conv2dOptions,
  conv2dBackpropFilter,
  conv2dBackpropInput,
  fusedBatchNormGrad,
  maxPoolGrad,
  type Padding,
  reluGrad,
} from '../ops/nn.ts';
import { type GradientTable, ofSingleOutput } from './registry.ts';

/** Stride and padding of a convolution or pooling. */
export function windowOptions(node: Node): Conv2dOptions {
  return {
    stride: attr(node, 'strides', 'ints')[1]!,
    padding: attr(node, 'padding', 's') as Padding,
  };
}

/** Gradients by op. */
export const nnGradients: GradientTable = {
  Conv2D: ofSingleOutput((node, dy) => {
    const [x, filter] = node.inputs as [Tensor, Tensor];
    const options = windowOptions(node);
    return [
      () => conv2dBackpropInput(x, filter, dy, options),
      () => conv2dBackpropFilter(x, filter.shape, dy, options),
    ];
  }),
  BiasAdd: ofSingleOutput((_node, dy) => [() => dy, () => biasAddGrad(dy)]),
  Relu: ofSingleOutput((node, dy) => [() => reluGrad(dy, node.outputs[0]!)]),
  MaxPool: ofSingleOutput((node, dy) => {
    const window = attr(node, 'ksize', 'ints')[1]!;
    const options = { ...windowOptions(node), window };
    return [() => maxPoolGrad(node.inputs[0]!, node.outputs[0]!, dy, options)];
  }),
  L2Loss: ofSingleOutput((node, dy) => [() => mul(node.inputs[0]!, dy)]),
  // dx = (dy − Σ dy·p)·p
  Softmax: ofSingleOutput((node, dy) => {
    const p = node.outputs[0]!;
    return [() => mul(sub(dy, sum(mul(dy, p), [-1], { keepDims: true })), p)];
  }),
  // dx = dy − p·Σ dy
  LogSoftmax: ofSingleOutput((node, dy) => {
    const p = exp(node.outputs[0]!);
    return [() => sub(dy, mul(p, sum(dy, [-1], { keepDims: true })))];
  }),
  SoftmaxCrossEntropyWithLogits: (node, [dLoss]) => [
    () => mul(reshape(dLoss!, [-1, 1]), node.outputs[1]!),
    null,
  ],
  FusedBatchNormV3: (node, [dy]) => {
    const [x, scale] = node.inputs as [Tensor, Tensor];
    const reserved = node.outputs.slice(3) as [Tensor, Tensor, Tensor];
    const isTraining = attr(node, 'is_training', 'b');
    // Outside of training the op normalises with its inputs 3 and 4, so its gradient takes those.
    const statistics: readonly [Tensor, Tensor, Tensor] = isTraining
      ? reserved
      : [node.inputs[3]!, node.inputs[4]!, reserved[2]];
    const epsilon = attr(node, 'epsilon', 'f');
    const { dx, dScale, dOffset } = fusedBatchNormGrad(dy!, x, scale, statistics, {
      epsilon,
      isTraining,
    });
    return [() => dx, () => dScale, () => dOffset, null, null];
  },
};
