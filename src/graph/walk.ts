/** Ways through the graph: what a tensor depends on, and what depends on it. */
import type { Graph, Node, Tensor } from './graph.ts';

/** What can be reached from some things, these included, in the order in which it is found. */
function reachable<T>(starts: Iterable<T>, next: (from: T) => Iterable<T>): ReadonlySet<T> {
  const found = new Set(starts);
  // A set hands out what is added to it meanwhile.
  for (const each of found) for (const other of next(each)) found.add(other);
  return found;
}

/**
 * The tensors that one depends on, itself included.
 *
 * @param passes  whether to go on to the inputs of a node; always by default
 */
export function tensorsBefore(
  end: Tensor,
  passes: (node: Node) => boolean = () => true,
): ReadonlySet<Tensor> {
  return reachable([end], ({ node }) => (passes(node) ? node.inputs : []));
}

/**
 * The nodes that must run for some tensors: those that these depend on, by value or by control input.
 *
 * @param given  tensors whose values are known, so that nothing runs for them
 */
export function nodesBefore(
  ends: Iterable<Tensor>,
  given: ReadonlySet<Tensor> = new Set(),
): ReadonlySet<Node> {
  const nodesOf = (tensors: Iterable<Tensor>) =>
    [...tensors].filter((tensor) => !given.has(tensor)).map(({ node }) => node);
  return reachable(nodesOf(ends), ({ inputs, controlInputs }) => [
    ...nodesOf(inputs),
    ...controlInputs,
  ]);
}

/**
 * The nodes that take one of the followed tensors, in the order of the graph. Which of their outputs
 * are followed in turn, the caller's loop says by adding them to `followed`.
 *
 * @returns  of the nodes that the graph has now: more may be added on the way
 */
export function* nodesBehind(
  graph: Graph,
  followed: { has(tensor: Tensor): boolean },
): Generator<Node, void, undefined> {
  for (const node of [...graph.nodes]) {
    if (node.inputs.some((input) => followed.has(input))) yield node;
  }
}

/**
 * Goes back from a tensor along first inputs, through nodes of some ops.
 *
 * @returns  the first tensor of another op, and the nodes in between, last first
 */
export function originOf(
  tensor: Tensor,
  ops: ReadonlySet<string>,
): { readonly origin: Tensor; readonly passed: readonly Node[] } {
  const passed: Node[] = [];
  let origin = tensor;
  while (ops.has(origin.node.op)) {
    passed.push(origin.node);
    origin = origin.node.inputs[0]!;
  }
  return { origin, passed };
}
