/** Activations beside ReLU, element by element, with their derivatives. */
import type { Tensor } from '../graph.ts';
import { mul } from './math.ts';
import { addOp, expectSameDType, type OpOptions } from './op.ts';

/** min(max(x, 0), 6) (TF op Relu6) */
export function relu6(x: Tensor, options: OpOptions = {}): Tensor {
  return addOp(x.graph, 'Relu6', [x], { T: { type: x.dtype } }, x.dtype, x.shape, options);
}

/** dy where relu6's output (or input) is between 0 and 6, else 0 (TF op Relu6Grad). */
export function relu6Grad(dy: Tensor, features: Tensor, options: OpOptions = {}): Tensor {
  expectSameDType('Relu6Grad', [dy, features]);
  const attrs = { T: { type: dy.dtype } };
  return addOp(dy.graph, 'Relu6Grad', [dy, features], attrs, dy.dtype, dy.shape, options);
}

/** 1/(1 + e⁻ˣ) (TF op Sigmoid) */
export function sigmoid(x: Tensor, options: OpOptions = {}): Tensor {
  return addOp(x.graph, 'Sigmoid', [x], { T: { type: x.dtype } }, x.dtype, x.shape, options);
}

/** dy·y·(1 − y) for y = sigmoid(x) (TF op SigmoidGrad). */
export function sigmoidGrad(y: Tensor, dy: Tensor, options: OpOptions = {}): Tensor {
  expectSameDType('SigmoidGrad', [y, dy]);
  const attrs = { T: { type: y.dtype } };
  return addOp(y.graph, 'SigmoidGrad', [y, dy], attrs, y.dtype, y.shape, options);
}

/** x·sigmoid(x) (tf.nn.swish; Ramachandran et al. 2017, with β = 1) */
export function swish(x: Tensor, options: OpOptions = {}): Tensor {
  return mul(x, sigmoid(x), { name: 'swish', ...options });
}
