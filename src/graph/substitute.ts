/** A tensor as a function of another one in the middle of the graph. */
import type { Node, Tensor } from './graph.ts';

/** All nodes that a tensor depends on. */
function nodesBefore(end: Tensor): ReadonlySet<Node> {
  const found = new Set<Node>([end.node]);
  // A set hands out what is added to it meanwhile.
  for (const { inputs } of found) for (const input of inputs) found.add(input.node);
  return found;
}

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
  const needed = nodesBefore(end);
  const copies = new Map<Tensor, Tensor>([[from, replacement]]);
  for (const node of [...graph.nodes]) {
    if (!needed.has(node) || !node.inputs.some((input) => copies.has(input))) continue;
    const { op, name, inputs, controlInputs, attrs, outputs } = node;
    const copy = graph.addNode({
      op,
      name,
      inputs: inputs.map((input) => copies.get(input) ?? input),
      controlInputs,
      attrs,
      outputs,
    });
    node.outputs.forEach((output, i) => {
      if (output !== from) copies.set(output, copy.outputs[i]!);
    });
  }
  return copies.get(end) ?? end;
}
