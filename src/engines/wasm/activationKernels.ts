/** Kernels of ops/activations.ts. */
import type * as tfc from '@tensorflow/tfjs-core';
import { allocate, view } from './heap.ts';
import type { KernelTable } from './kernel.ts';
import { tf } from './tfjs.ts';

/** Derivative of an activation, from dy and what the activation gave or took. */
function derivative(
  dy: tfc.Tensor,
  features: tfc.Tensor,
  slope: (feature: number) => number,
): tfc.Tensor {
  const dx = allocate(dy.shape);
  const [from, at, to] = [view(dy), view(features), view(dx)];
  for (let i = 0; i < to.length; i++) to[i] = from[i]! * slope(at[i]!);
  return dx;
}

/** Kernels by op. */
export const activationKernels: KernelTable = {
  Relu6: (_node, [x]) => tf.relu6(x!),
  Relu6Grad: (_node, [dy, features]) =>
    derivative(dy!, features!, (feature) => (feature > 0 && feature < 6 ? 1 : 0)),
  Sigmoid: (_node, [x]) => tf.sigmoid(x!),
  SigmoidGrad: (_node, [y, dy]) =>
    derivative(dy!, y!, (probability) => probability * (1 - probability)),
};
