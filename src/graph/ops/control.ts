/** Ops by which a part of a graph runs under a condition alone. */
import type { Tensor } from '../graph.ts';
import { expectSameDType, type OpOptions } from './op.ts';

/** The two ways that a tensor can take: in each run it exists on one of them. */
export interface Ways {
  readonly ifTrue: Tensor;
  readonly ifFalse: Tensor;
}

/**
 * Hands a tensor on by one of two ways, without a copy (TF op Switch). Nodes that take what does not exist, or
 * wait for such a node, do not run, updates of variables included; `merge` brings the ways together.
 *
 * @param condition  bool []
 */
export function switchOn(x: Tensor, condition: Tensor, options: OpOptions = {}): Ways {
  const { dtype, shape } = x;
  const node = x.graph.addNode({
    op: 'Switch',
    name: options.name,
    inputs: [x, condition],
    controlInputs: options.after ?? [],
    attrs: { T: { type: dtype } },
    outputs: [
      { dtype, shape },
      { dtype, shape },
    ],
  });
  return { ifFalse: node.outputs[0]!, ifTrue: node.outputs[1]! };
}

/** Whichever of two tensors exists (TF op Merge). */
export function merge(a: Tensor, b: Tensor, options: OpOptions = {}): Tensor {
  expectSameDType('Merge', [a, b]);
  const { dtype, shape } = a;
  const node = a.graph.addNode({
    op: 'Merge',
    name: options.name,
    inputs: [a, b],
    controlInputs: options.after ?? [],
    attrs: { N: { i: 2 }, T: { type: dtype } },
    outputs: [
      { dtype, shape },
      { dtype: 'int32', shape: [] },
    ],
  });
  return node.outputs[0]!;
}
