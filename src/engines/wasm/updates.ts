/** Updates of variables: the optimizers' formulas as TensorFlow's ResourceApply* kernels have them. */
import type * as tf from '@tensorflow/tfjs-core';
import { allocate, view } from './heap.ts';

/**
 * New values of the variables that an update changes.
 *
 * @param current  values of the variables whose handles the node takes, in its order
 * @param inputs   values of its other inputs
 * @returns        new tensors for the first of them, in the same order
 */
export type Update = (
  current: readonly tf.Tensor[],
  inputs: readonly tf.Tensor[],
) => readonly tf.Tensor[];

/** An update with all of its float inputs as plain numbers or arrays. */
function elementwise(
  compute: (
    variables: readonly Float32Array[],
    gradient: Float32Array,
    scalars: readonly number[],
  ) => void,
  gradientInput: number,
): Update {
  return (current, inputs) => {
    const next = current.map(({ shape }) => allocate(shape));
    const scalars = inputs.filter((_, i) => i !== gradientInput).map((scalar) => view(scalar)[0]!);
    const variables = next.map((tensor, i) => {
      const values = view(tensor);
      values.set(view(current[i]!));
      return values;
    });
    compute(variables, view(inputs[gradientInput]!), scalars);
    return next;
  };
}

/** Updates by op. The arrays hold the old values and get the new ones. */
export const updates: Readonly<Record<string, Update>> = {
  AssignVariableOp: (_current, [value]) => {
    const next = allocate(value!.shape);
    view(next).set(view(value!));
    return [next];
  },
  ResourceApplyGradientDescent: elementwise(([w], g, [rate]) => {
    for (let i = 0; i < g.length; i++) w![i] = w![i]! - rate! * g[i]!;
  }, 1),
  ResourceApplyMomentum: elementwise(([w, a], g, [rate, momentum]) => {
    for (let i = 0; i < g.length; i++) {
      a![i] = momentum! * a![i]! + g[i]!;
      w![i] = w![i]! - rate! * a![i]!;
    }
  }, 1),
  ResourceApplyRMSProp: elementwise(([w, ms, mom], g, [rate, decay, momentum, epsilon]) => {
    for (let i = 0; i < g.length; i++) {
      ms![i] = decay! * ms![i]! + (1 - decay!) * g[i]! * g[i]!;
      mom![i] = momentum! * mom![i]! + (rate! * g[i]!) / Math.sqrt(ms![i]! + epsilon!);
      w![i] = w![i]! - mom![i]!;
    }
  }, 4),
  ResourceApplyAdam: elementwise(
    ([w, m, v], g, [beta1Power, beta2Power, rate, beta1, beta2, epsilon]) => {
      const corrected = (rate! * Math.sqrt(1 - beta2Power!)) / (1 - beta1Power!);
      for (let i = 0; i < g.length; i++) {
        m![i] = beta1! * m![i]! + (1 - beta1!) * g[i]!;
        v![i] = beta2! * v![i]! + (1 - beta2!) * g[i]! * g[i]!;
        w![i] = w![i]! - (corrected * m![i]!) / (Math.sqrt(v![i]!) + epsilon!);
      }
    },
    6,
  ),
  ResourceApplyAdagrad: elementwise(([w, a], g, [rate]) => {
    for (let i = 0; i < g.length; i++) {
      a![i] = a![i]! + g[i]! * g[i]!;
      w![i] = w![i]! - (rate! * g[i]!) / Math.sqrt(a![i]!);
    }
  }, 1),
  ResourceApplyAdadelta: elementwise(([w, a, d], g, [rate, rho, epsilon]) => {
    for (let i = 0; i < g.length; i++) {
      a![i] = rho! * a![i]! + (1 - rho!) * g[i]! * g[i]!;
      const update = (Math.sqrt(d![i]! + epsilon!) / Math.sqrt(a![i]! + epsilon!)) * g[i]!;
      d![i] = rho! * d![i]! + (1 - rho!) * update * update;
      w![i] = w![i]! - rate! * update;
    }
  }, 3),
  ResourceApplyFtrl: elementwise(([w, n, z], g, [rate, l1, l2, power]) => {
    for (let i = 0; i < g.length; i++) {
      const accumulated = n![i]! + g[i]! * g[i]!;
      const newPower = accumulated ** -power!;
      z![i] = z![i]! + g[i]! - ((newPower - n![i]! ** -power!) / rate!) * w![i]!;
      const quadratic = newPower / rate! + 2 * l2!;
      const excess = Math.sign(z![i]!) * l1! - z![i]!;
      w![i] = Math.abs(z![i]!) > l1! ? excess / quadratic : 0;
      n![i] = accumulated;
    }
  }, 0),
};
