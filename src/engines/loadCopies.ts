/** Engines that compute something of every graph in another way. */
import type { CopiedGraph } from '../graph/copiedGraph.ts';
import type { Graph, Tensor } from '../graph/graph.ts';
import type { Engine } from './engine.ts';

/** `load` of an engine that has each graph copied first; entry points are given in terms of the original. */
export function loadCopies(
  engine: Engine,
  copyGraph: (original: Graph) => CopiedGraph,
): Engine['load'] {
  return (original, signatures) => {
    const { graph, copyOf } = copyGraph(original);
    const copied = (tensors: Readonly<Record<string, Tensor>>) =>
      Object.fromEntries(Object.entries(tensors).map(([key, tensor]) => [key, copyOf(tensor)]));
    const entries = Object.entries(signatures).map(([key, { inputs, outputs }]) => [
      key,
      { inputs: copied(inputs), outputs: copied(outputs) },
    ]);
    return engine.load(graph, Object.fromEntries(entries));
  };
}
