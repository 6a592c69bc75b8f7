/** What goes into the layer that makes the logits. */
import type { Tensor } from '../graph/graph.ts';
import { originOf } from '../graph/walk.ts';

/** Ops between a layer's product and the logits. */
const behindProduct = new Set(['BiasAdd', 'Identity', 'Cast', 'Reshape']);
/** Ops between a layer's input and its product. */
const beforeProduct = new Set(['Cast']);

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
  const { origin: product, passed } = originOf(logits, behindProduct);
  const { op, inputs } = product.node;
  const [input] = inputs;
  const isDense =
    op === 'MatMul' || (op === 'Conv2D' && input!.shape[1] === 1 && input!.shape[2] === 1);
  if (!isDense) return null;
  const hasBias = passed.some((node) => node.op === 'BiasAdd');
  return { input: originOf(input!, beforeProduct).origin, hasBias };
}
