/** What the typed op functions share: adding a node with one output. */
import { UserError } from '../../errors.ts';
import type { Attr, DType, Graph, Node, Shape, Tensor } from '../graph.ts';
import { describe } from '../graph.ts';

/** Options that every op takes. */
export interface OpOptions {
  /** Base name of the node inside the current scope; the op's name by default. */
  readonly name?: string | undefined;
  /** Nodes that must run before. */
  readonly after?: readonly Node[];
}

/**
 * Adds a node with a single output.
 *
 * @returns  its output
 */
export function addOp(
  graph: Graph,
  op: string,
  inputs: readonly Tensor[],
  attrs: Readonly<Record<string, Attr>>,
  dtype: DType,
  shape: Shape,
  options: OpOptions = {},
): Tensor {
  const node = graph.addNode({
    op,
    name: options.name,
    inputs,
    controlInputs: options.after ?? [],
    attrs,
    outputs: [{ dtype, shape }],
  });
  return node.outputs[0]!;
}

/** @throws UserError  unless the tensor has `rank` dimensions */
export function expectRank(op: string, tensor: Tensor, rank: number): void {
  if (tensor.shape.length !== rank) {
    throw new UserError(`${op}: got ${describe(tensor)}; expected ${rank} dimensions.`);
  }
}

/** @throws UserError  unless all tensors have the dtype of the first */
export function expectSameDType(op: string, tensors: readonly Tensor[]): void {
  const first = tensors[0]!;
  const other = tensors.find(({ dtype }) => dtype !== first.dtype);
  if (other !== undefined) {
    throw new UserError(
      `${op}: got ${describe(first)} and ${describe(other)}; expected one element type.`,
    );
  }
}
