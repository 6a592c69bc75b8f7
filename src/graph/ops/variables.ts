/** Variables and the ops that change them. */
import type { Attr, Graph, Initializer, Node, Shape, Tensor, Variable } from '../graph.ts';
import { compatible, shapeText } from '../shape.ts';
import { addOp, type OpOptions } from './op.ts';

/** What a new variable is made of. */
export interface VariableOptions {
  readonly initializer: Initializer;
  /** true by default */
  readonly trainable?: boolean;
  /** Coefficient of its L2 penalty; 0 by default. */
  readonly weightDecay?: number;
}

/**
 * The variable `scope/name`, made on first use and shared afterwards, float32
 * (TF ops VarHandleOp and ReadVariableOp).
 *
 * @throws Error  when it exists in another shape
 */
export function getVariable(
  graph: Graph,
  name: string,
  shape: Shape,
  { initializer, trainable = true, weightDecay = 0 }: VariableOptions,
): Variable {
  const fullName = graph.scope === '' ? name : `${graph.scope}/${name}`;
  const known = graph.variables.get(fullName);
  if (known !== undefined) {
    if (compatible(known.shape, shape)) return known;
    throw new Error(
      `variable ${fullName}: exists as ${shapeText(known.shape)}, asked for ${shapeText(shape)}`,
    );
  }
  const dtype = { type: 'float32' } as const;
  const attrs = { dtype, shape: { shape }, shared_name: { s: fullName }, container: { s: '' } };
  return graph.inCommon(() => {
    const handle = addOp(graph, 'VarHandleOp', [], attrs, 'resource', [], { name });
    const read = { name: `${name}/read` };
    const value = addOp(graph, 'ReadVariableOp', [handle], { dtype }, 'float32', shape, read);
    const variable = { name: fullName, shape, initializer, trainable, weightDecay, handle, value };
    graph.variables.set(fullName, variable);
    return variable;
  });
}

/** The value of a variable after other nodes have run (TF op ReadVariableOp). */
export function readVariable({ handle, shape }: Variable, options: OpOptions = {}): Tensor {
  const { graph, node } = handle;
  const attrs = { dtype: { type: 'float32' } } as const;
  return graph.withDevice(node.device, () =>
    addOp(graph, 'ReadVariableOp', [handle], attrs, 'float32', shape, options),
  );
}

function addUpdate(
  op: string,
  inputs: readonly Tensor[],
  attrs: Readonly<Record<string, Attr>>,
  options: OpOptions,
): Node {
  const [handle] = inputs;
  return handle!.graph.addNode({
    op,
    name: options.name,
    inputs,
    controlInputs: options.after ?? [],
    attrs,
    // TensorFlow has what changes a variable where the variable is.
    device: handle!.node.device,
    outputs: [],
  });
}

/** variable ← value (TF op AssignVariableOp) */
export function assign(variable: Variable, value: Tensor, options: OpOptions = {}): Node {
  const attrs = { dtype: { type: 'float32' } } as const;
  return addUpdate('AssignVariableOp', [variable.handle, value], attrs, options);
}

const float32 = { T: { type: 'float32' } } as const;

/** w ← w − rate·gradient (TF op ResourceApplyGradientDescent) */
export function applyGradientDescent(
  variable: Variable,
  rate: Tensor,
  gradient: Tensor,
  options: OpOptions = {},
): Node {
  const inputs = [variable.handle, rate, gradient];
  return addUpdate('ResourceApplyGradientDescent', inputs, float32, options);
}

/** a ← momentum·a + gradient; w ← w − rate·a (TF op ResourceApplyMomentum) */
export function applyMomentum(
  variable: Variable,
  accumulator: Variable,
  rate: Tensor,
  gradient: Tensor,
  momentum: Tensor,
  options: OpOptions = {},
): Node {
  const inputs = [variable.handle, accumulator.handle, rate, gradient, momentum];
  return addUpdate('ResourceApplyMomentum', inputs, float32, options);
}

/**
 * ms ← decay·ms + (1−decay)·g²; mom ← momentum·mom + rate·g/√(ms+ε); w ← w − mom
 * (TF op ResourceApplyRMSProp)
 */
export function applyRmsProp(
  variable: Variable,
  meanSquare: Variable,
  momentumSlot: Variable,
  rate: Tensor,
  decay: Tensor,
  momentum: Tensor,
  epsilon: Tensor,
  gradient: Tensor,
  options: OpOptions = {},
): Node {
  const handles = [variable.handle, meanSquare.handle, momentumSlot.handle];
  const inputs = [...handles, rate, decay, momentum, epsilon, gradient];
  return addUpdate('ResourceApplyRMSProp', inputs, float32, options);
}

/**
 * m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; w ← w − rate·√(1−β₂ᵗ)/(1−β₁ᵗ)·m/(√v+ε)
 * (TF op ResourceApplyAdam)
 */
export function applyAdam(
  variable: Variable,
  firstMoment: Variable,
  secondMoment: Variable,
  beta1Power: Tensor,
  beta2Power: Tensor,
  rate: Tensor,
  beta1: Tensor,
  beta2: Tensor,
  epsilon: Tensor,
  gradient: Tensor,
  options: OpOptions = {},
): Node {
  const handles = [variable.handle, firstMoment.handle, secondMoment.handle];
  const inputs = [...handles, beta1Power, beta2Power, rate, beta1, beta2, epsilon, gradient];
  return addUpdate('ResourceApplyAdam', inputs, float32, options);
}

/** a ← a + g²; w ← w − rate·g/√a (TF op ResourceApplyAdagrad) */
export function applyAdagrad(
  variable: Variable,
  accumulator: Variable,
  rate: Tensor,
  gradient: Tensor,
  options: OpOptions = {},
): Node {
  const inputs = [variable.handle, accumulator.handle, rate, gradient];
  return addUpdate('ResourceApplyAdagrad', inputs, float32, options);
}

/**
 * a ← ρa + (1−ρ)g²; u = √(d+ε)/√(a+ε)·g; d ← ρd + (1−ρ)u²; w ← w − rate·u
 * (TF op ResourceApplyAdadelta)
 */
export function applyAdadelta(
  variable: Variable,
  accumulator: Variable,
  updateAccumulator: Variable,
  rate: Tensor,
  rho: Tensor,
  epsilon: Tensor,
  gradient: Tensor,
  options: OpOptions = {},
): Node {
  const handles = [variable.handle, accumulator.handle, updateAccumulator.handle];
  const inputs = [...handles, rate, rho, epsilon, gradient];
  return addUpdate('ResourceApplyAdadelta', inputs, float32, options);
}

/**
 * n' = n + g²; z ← z + g − (n'^−p − n^−p)/rate·w; q = n'^−p/rate + 2·l2;
 * w ← |z| > l1 ? (sign(z)·l1 − z)/q : 0; n ← n'  (TF op ResourceApplyFtrl, p = power)
 */
export function applyFtrl(
  variable: Variable,
  accumulator: Variable,
  linear: Variable,
  gradient: Tensor,
  rate: Tensor,
  l1: Tensor,
  l2: Tensor,
  power: Tensor,
  options: OpOptions = {},
): Node {
  const handles = [variable.handle, accumulator.handle, linear.handle];
  const inputs = [...handles, gradient, rate, l1, l2, power];
  return addUpdate('ResourceApplyFtrl', inputs, float32, options);
}
