/** A tensor as a function of another one in the middle of the graph. */
import type { Tensor } from './graph.ts';
import { nodesBehind, tensorsBefore } from './walk.ts';

/**
 * Adds a copy of the nodes between two tensors, fed by a third one: what `end` would be if
 * `from` were `replacement`. What does not depend on `from` is shared, variables too.
 *
 * @param end          depends on `from`
 * @param replacement  of the same graph, type and shape as `from`
 * @returns            the copy of `end`, or `end` itself when it does not depend on `from`
 */
export function substitute(end: Tensor, from: Tensor, replacement: Tensor): Tensor {
  const { graph } = end;
  const needed = tensorsBefore(end);
  const copies = new Map<Tensor, Tensor>([[from, replacement]]);
  for (const node of nodesBehind(graph, copies)) {
    const { inputs, outputs } = node;
    if (!outputs.some((output) => needed.has(output))) continue;
    const copy = graph.addNode({
      ...node,
      inputs: inputs.map((input) => copies.get(input) ?? input),
    });
    outputs.forEach((output, i) => {
      if (output !== from) copies.set(output, copy.outputs[i]!);
    });
  }
  return copies.get(end) ?? end;
}
