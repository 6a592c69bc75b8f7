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

/**
 * An activation whose result for NaN is NaN: the backend's ReLUs make 0 of it, all or those with a sign, and with that
 * a loss that is finite of a training that has diverged.
 */
export function keepNaN(x: tfc.Tensor, activation: (x: tfc.Tensor) => tfc.Tensor): tfc.Tensor {
  const y = activation(x);
  // The sum takes the backend a fraction of the time that a look at each number takes here.
  const hasNaN = x.size > 0 && tf.tidy(() => Number.isNaN(tf.sum(x).dataSync()[0]));
  if (!hasNaN) return y;
  const [from, to] = [view(x), view(y)];
  for (let i = 0; i < to.length; i++) if (Number.isNaN(from[i])) to[i] = Number.NaN;
  return y;
}

/** Kernels by op. */
export const activationKernels: KernelTable = {
  Relu6: (_node, [x]) => keepNaN(x!, tf.relu6),
  Relu6Grad: (_node, [dy, features]) =>
    derivative(dy!, features!, (feature) => (feature > 0 && feature < 6 ? 1 : 0)),
  Sigmoid: (_node, [x]) => tf.sigmoid(x!),
  SigmoidGrad: (_node, [y, dy]) =>
    derivative(dy!, y!, (probability) => probability * (1 - probability)),
};
