/** Gradients of the ops of ops/array.ts. */

import type { DType, Tensor } from '../graph.ts';
import { constantInput } from '../nodeInputs.ts';
import { cast, identity, pad, reshape, shapeOf, slice } from '../ops/array.ts';
import { sum, unsortedSegmentSum } from '../ops/math.ts';
import { type GradientTable, ofSingleOutput } from './registry.ts';

/** The axes along which an input of shape `from` was repeated to give `to`. */
export function repeatedAxes(from: readonly number[], to: readonly number[]): number[] {
  const missing = to.length - from.length;
  return to.flatMap((size, axis) =>
    axis < missing || (from[axis - missing] === 1 && size !== 1) ? [axis] : [],
  );
}

const isReal = (dtype: DType) => dtype === 'float32' || dtype === 'bfloat16';

/** Gradients by op. */
export const arrayGradients: GradientTable = {
  Identity: ofSingleOutput((_node, dy) => [() => identity(dy)]),
  // As in TensorFlow, none passes through whole numbers or truths.
  Cast: ofSingleOutput((node, dy) => {
    const { dtype } = node.inputs[0]!;
    return [isReal(dtype) && isReal(node.outputs[0]!.dtype) ? () => cast(dy, dtype) : null];
  }),
  Reshape: ofSingleOutput((node, dy) => [() => reshape(dy, node.inputs[0]!.shape), null]),
  BroadcastTo: ofSingleOutput((node, dy) => {
    const { shape } = node.inputs[0]!;
    return [() => reshape(sum(dy, repeatedAxes(shape, dy.shape)), shape), null];
  }),
  // Dense, where TensorFlow has sparse IndexedSlices: every optimizer and engine takes it as it is.
  GatherV2: ofSingleOutput((node, dy) => {
    const [table, rows] = node.inputs as [Tensor, Tensor];
    const known = table.shape[0]!;
    const count = () => (known >= 0 ? known : reshape(slice(shapeOf(table), [0], [1]), []));
    return [() => unsortedSegmentSum(dy, rows, count()), null, null];
  }),
  Pad: ofSingleOutput((node, dy) => {
    const paddings = constantInput(node, 1);
    const begin = dy.shape.map((_, axis) => paddings[2 * axis]!);
    return [() => slice(dy, begin, node.inputs[0]!.shape), null];
  }),
  Slice: ofSingleOutput((node, dy) => {
    const begin = constantInput(node, 1);
    const paddings = node.inputs[0]!.shape.map((size, axis): [number, number] =>
      size < 0 ? [0, 0] : [begin[axis]!, size - begin[axis]! - dy.shape[axis]!],
    );
    return [() => pad(dy, paddings), null, null];
  }),
  ConcatV2: ofSingleOutput((node, dy) => {
    const tensors = node.inputs.slice(0, -1);
    const axis = constantInput(node, tensors.length)[0]!;
    let offset = 0;
    const parts = tensors.map(({ shape }) => {
      const begin = shape.map((_, i) => (i === axis ? offset : 0));
      offset += shape[axis]!;
      return () => slice(dy, begin, shape);
    });
    return [...parts, null];
  }),
};
