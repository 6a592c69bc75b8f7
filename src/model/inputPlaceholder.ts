/** Where a batch enters the graph. */
import type { Graph, Tensor } from '../graph/graph.ts';
import { placeholder } from '../graph/ops/array.ts';
import { type GraphInput, inputTypes } from '../preprocessing/itemInput.ts';

/** The placeholder of batches [n, …] of such items. */
export function inputPlaceholder(graph: Graph, { kind, shape }: GraphInput): Tensor {
  const { name, dtype } = inputTypes[kind];
  return placeholder(graph, dtype, [-1, ...shape], name);
}
