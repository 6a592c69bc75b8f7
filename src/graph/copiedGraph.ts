/** Copies of graphs in which something is computed in another way. */
import type { Graph, Tensor } from './graph.ts';

/** A graph with what a caller holds of it. */
export interface CopiedGraph {
  readonly graph: Graph;
  /** The copy of a tensor of the original. */
  copyOf(tensor: Tensor): Tensor;
}
