/** Accumulators: where the workers of a cluster add up gradients. */
import type { Graph, Node, Shape, Tensor } from '../graph.ts';
import { cast, constant } from './array.ts';
import { addOp, type OpOptions } from './op.ts';

const float32 = { dtype: { type: 'float32' } } as const;

/** Later than every step: no gradient is left out as late. */
const neverLate = 2 ** 31 - 1;

/**
 * A place for gradients of one shape (TF op ResourceConditionalAccumulator).
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
    reduction_type: { s: 'MEAN' },
  } as const;
  return addOp(graph, 'ResourceConditionalAccumulator', [], attrs, 'resource', [], options);
}

/** Adds a gradient to those that are there (TF op ResourceAccumulatorApplyGradient). */
export function addToAccumulator(place: Tensor, gradient: Tensor, options: OpOptions = {}): Node {
  const { graph } = place;
  return graph.addNode({
    op: 'ResourceAccumulatorApplyGradient',
    name: options.name,
    inputs: [place, cast(constant(graph, 'int32', neverLate), 'int64'), gradient],
    controlInputs: options.after ?? [],
    attrs: float32,
    outputs: [],
  });
}

/**
 * Waits until there are so many gradients, and takes them (TF op ResourceAccumulatorTakeGradient).
 *
 * @returns  their mean
 */
export function takeMean(
  place: Tensor,
  count: number,
  shape: Shape,
  options: OpOptions = {},
): Tensor {
  const inputs = [place, constant(place.graph, 'int32', count)];
  const op = 'ResourceAccumulatorTakeGradient';
  return addOp(place.graph, op, inputs, float32, 'float32', shape, options);
}
