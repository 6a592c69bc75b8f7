/** Accumulators: where the workers of a cluster add up gradients. */
import type { Graph, Node, Shape, Tensor } from '../graph.ts';
import { constant } from './array.ts';
import { addOp, type OpOptions } from './op.ts';

const float32 = { dtype: { type: 'float32' } } as const;

/**
 * A place for tensors of one shape, which it adds up (TF op ResourceConditionalAccumulator). It counts how often what
 * it had gathered was taken: its round, from 0.
 *
 * @param name  by which sessions share it
 * @returns     its handle
 */
export function accumulator(
  graph: Graph,
  name: string,
  shape: Shape,
  options: OpOptions = {},
): Tensor {
  const attrs = {
    ...float32,
    shape: { shape },
    container: { s: '' },
    shared_name: { s: name },
    reduction_type: { s: 'SUM' },
  } as const;
  return addOp(graph, 'ResourceConditionalAccumulator', [], attrs, 'resource', [], options);
}

/**
 * Adds a tensor to those that are there (TF op ResourceAccumulatorApplyGradient).
 *
 * @param round  int64 []: that it is for; in a later one it comes too late, and is left out
 */
export function addToAccumulator(
  place: Tensor,
  round: Tensor,
  value: Tensor,
  options: OpOptions = {},
): Node {
  return place.graph.addNode({
    op: 'ResourceAccumulatorApplyGradient',
    name: options.name,
    inputs: [place, round, value],
    controlInputs: options.after ?? [],
    attrs: float32,
    outputs: [],
  });
}

/**
 * Waits until there is something, and takes what there is (TF op ResourceAccumulatorTakeGradient).
 *
 * @returns  the sum
 */
export function takeSum(place: Tensor, shape: Shape, options: OpOptions = {}): Tensor {
  const inputs = [place, constant(place.graph, 'int32', 1)];
  const op = 'ResourceAccumulatorTakeGradient';
  return addOp(place.graph, op, inputs, float32, 'float32', shape, options);
}
