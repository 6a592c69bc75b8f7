/** How much a training step multiplies. */

import type { Node, Tensor } from '../src/graph/graph.ts';
import { sizeOf } from '../src/graph/shape.ts';
import { nodesBefore } from '../src/graph/walk.ts';

const elements = ({ shape }: Tensor, batchSize: number) =>
  sizeOf(shape.map((size) => (size < 0 ? batchSize : size)));

/** Multiplications of a node: outputs, or what stands for them in a derivative, times elements of each sum. */
function multiplications({ op, inputs, outputs, attrs }: Node, batchSize: number): number {
  const count = (tensor: Tensor) => elements(tensor, batchSize);
  switch (op) {
    case 'MatMul': {
      const transposed = attrs['transpose_a'];
      const isTransposed = transposed !== undefined && 'b' in transposed && transposed.b;
      const [rows, columns] = inputs[0]!.shape;
      const inner = isTransposed ? rows! : columns!;
      return count(outputs[0]!) * (inner < 0 ? count(inputs[0]!) / columns! : inner);
    }
    case 'Conv2D':
      return (count(outputs[0]!) * count(inputs[1]!)) / inputs[1]!.shape[3]!;
    case 'Conv2DBackpropInput':
      return (count(inputs[2]!) * count(inputs[1]!)) / inputs[1]!.shape[3]!;
    case 'Conv2DBackpropFilter':
      return (count(inputs[2]!) * count(outputs[0]!)) / outputs[0]!.shape[3]!;
    default:
      return 0;
  }
}

/**
 * Floating-point operations of the convolutions, matrix products and their derivatives that some outputs need,
 * two for each multiplication.
 */
export function productFlops(outputs: Iterable<Tensor>, batchSize: number): number {
  let total = 0;
  for (const node of nodesBefore([...outputs])) total += 2 * multiplications(node, batchSize);
  return total;
}
