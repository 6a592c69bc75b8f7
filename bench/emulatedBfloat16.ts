/**
 * bfloat16 on processors without instructions for it, where its convolutions and matrix products take several times
 * as long as in float32: these alone are computed in float32, from the same rounded numbers and rounded once.
 */
import type { Engine } from '../src/engines/engine.ts';
import { loadCopies } from '../src/engines/loadCopies.ts';
import type { CopiedGraph } from '../src/graph/copiedGraph.ts';
import { type Attr, Graph, type Node, type Tensor } from '../src/graph/graph.ts';
import { cast } from '../src/graph/ops/array.ts';

/** What oneDNN computes in bfloat16 with sums in float32. */
const products = new Set(['Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter', 'MatMul']);

/** What TensorFlow joins with the product before it, and rounds once behind both. */
const joinedBehind = new Set(['BiasAdd', 'Relu']);

/**
 * Copies a graph with its products of bfloat16 in float32. Their factors are what they were, and so are their results but
 * for the order of sums, which decides on the last bit of few. All else stays in bfloat16, as TensorFlow computes it.
 *
 * @returns  the copy; names of nodes stay
 */
export function withEmulatedProducts(original: Graph): CopiedGraph {
  const graph = new Graph();
  const tensors = new Map<Tensor, Tensor>();
  const nodes = new Map<Node, Node>();
  /** Float32 results that nobody has asked for in bfloat16 yet, by tensors of the original. */
  const exact = new Map<Tensor, Tensor>();
  const widened = new Map<Tensor, Tensor>();
  const readers = countReaders(original);
  // Of what it is given, TensorFlow adds up the derivative of the biases in the same operation.
  const ofFilters = new Set(
    original.nodes.filter(({ op }) => op === 'Conv2DBackpropFilter').map(({ inputs }) => inputs[2]),
  );
  const isProduct = ({ op, inputs }: Node) =>
    products.has(op) || (op === 'BiasAddGrad' && ofFilters.has(inputs[0]));
  const beside = (tensor: Tensor, dtype: 'float32' | 'bfloat16') =>
    graph.withRootScope(tensor.node.name, () =>
      graph.withDevice(tensor.node.device, () => cast(tensor, dtype)),
    );
  const copyOf = (tensor: Tensor): Tensor => {
    const known = tensors.get(tensor);
    if (known !== undefined) return known;
    const rounded = beside(exact.get(tensor)!, 'bfloat16');
    tensors.set(tensor, rounded);
    return rounded;
  };
  const float32Of = (tensor: Tensor): Tensor => {
    const known = widened.get(tensor);
    if (known !== undefined) return known;
    const wide = beside(copyOf(tensor), 'float32');
    widened.set(tensor, wide);
    return wide;
  };
  for (const node of original.nodes) {
    const controlInputs = node.controlInputs.map((control) => nodes.get(control)!);
    const first = node.inputs[0];
    const isJoined =
      joinedBehind.has(node.op) &&
      first !== undefined &&
      exact.has(first) &&
      readers.get(first) === 1;
    const isWide = isJoined || (isProduct(node) && node.outputs[0]!.dtype === 'bfloat16');
    if (isWide) {
      const inputs = node.inputs.map((input) => {
        if (isJoined && input === first) return exact.get(input)!;
        return input.dtype === 'bfloat16' ? float32Of(input) : copyOf(input);
      });
      const attrs: Record<string, Attr> = { ...node.attrs, T: { type: 'float32' } };
      const outputs = node.outputs.map(({ shape }) => ({ dtype: 'float32', shape }) as const);
      const copy = graph.addNode({ ...node, inputs, controlInputs, attrs, outputs });
      nodes.set(node, copy);
      exact.set(node.outputs[0]!, copy.outputs[0]!);
    } else {
      const copy = graph.addNode({ ...node, inputs: node.inputs.map(copyOf), controlInputs });
      nodes.set(node, copy);
      node.outputs.forEach((output, i) => {
        tensors.set(output, copy.outputs[i]!);
      });
    }
  }
  return { graph, copyOf };
}

/** How many inputs of nodes each tensor is. */
function countReaders({ nodes }: Graph): ReadonlyMap<Tensor, number> {
  const counts = new Map<Tensor, number>();
  for (const input of nodes.flatMap(({ inputs }) => inputs)) {
    counts.set(input, (counts.get(input) ?? 0) + 1);
  }
  return counts;
}

/** The same engine, with emulated products of bfloat16 in every graph that it loads. */
export function withEmulatedBfloat16(engine: Engine): Engine {
  return {
    name: `${engine.name}, products of bfloat16 in float32`,
    bfloat16: { support: 'slow', reason: 'it is emulated' },
    load: loadCopies(engine, withEmulatedProducts),
  };
}
