/** What goes into the layer that makes the logits. */
import type { Tensor } from '../graph/graph.ts';

/** Ops between a layer's product and the logits, or between its input and the product. */
const passing = new Set(['Identity', 'Cast', 'Reshape']);

/** The input of a layer's product, with whether a bias is added to the product. */
export interface LastLayer {
  /** [n, …] */
  readonly input: Tensor;
  readonly hasBias: boolean;
}

/**
 * The last layer of a network, found by walking back from its logits.
 *
 * @returns  null unless the logits come from one matrix product, or from a convolution over a single
 *           pixel, which is the same
 */
export function lastLayerOf(logits: Tensor): LastLayer | null {
  let tensor = logits;
  let hasBias = false;
  for (;;) {
    const { op, inputs } = tensor.node;
    if (op === 'BiasAdd') hasBias = true;
    else if (!passing.has(op)) break;
    tensor = inputs[0]!;
  }
  const { op, inputs } = tensor.node;
  let input = inputs[0]!;
  const isDense =
    op === 'MatMul' || (op === 'Conv2D' && input.shape[1] === 1 && input.shape[2] === 1);
  if (!isDense) return null;
  while (input.node.op === 'Cast') input = input.node.inputs[0]!;
  return { input, hasBias };
}
