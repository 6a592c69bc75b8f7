/** Activations by name, and those that a network of one's own imports. */
import type { Tensor } from '../graph/graph.ts';
import { relu6, sigmoid, swish } from '../graph/ops/activations.ts';
import { relu } from '../graph/ops/nn.ts';

/** What follows the weights of a layer; 'linear' is nothing. */
export type Activation = 'relu' | 'relu6' | 'swish' | 'sigmoid' | 'linear';

const functions: Readonly<Record<Activation, (x: Tensor) => Tensor>> = {
  relu: (x) => relu(x),
  relu6: (x) => relu6(x),
  swish: (x) => swish(x),
  sigmoid: (x) => sigmoid(x),
  linear: (x) => x,
};

/** The activation of x, in its shape. */
export function activate(x: Tensor, activation: Activation): Tensor {
  return functions[activation](x);
}
