/** Kernels of ops/activations.ts. */
import * as tf from '@tensorflow/tfjs-core';
import { allocate, view } from './heap.ts';
import type { KernelTable } from './kernel.ts';

/** Derivative of an activation, from dy and what the activation gave or took. */
function derivative(
  dy: tf.Tensor,
  features: tf.Tensor,
  slope: (feature: number) => number,
): tf.Tensor {
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
