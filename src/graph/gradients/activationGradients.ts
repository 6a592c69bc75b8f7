/** Gradients of the ops of ops/activations.ts. */
import { relu6Grad, sigmoidGrad } from '../ops/activations.ts';
import { type GradientTable, ofSingleOutput } from './registry.ts';

/** Gradients by op. */
export const activationGradients: GradientTable = {
  Relu6: ofSingleOutput((node, dy) => [() => relu6Grad(dy, node.outputs[0]!)]),
  Sigmoid: ofSingleOutput((node, dy) => [() => sigmoidGrad(node.outputs[0]!, dy)]),
};
