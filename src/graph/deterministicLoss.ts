/** A graph whose cross-entropy has the same bits from run to run on a GPU. */
import type { CopiedGraph } from './copiedGraph.ts';
import { Graph, type Node, type Tensor } from './graph.ts';
import { mul, neg, sub, sum } from './ops/math.ts';
import { logSoftmax, softmax } from './ops/nn.ts';

/**
 * Copies a graph and spells the cross-entropy out: −Σ targets·log softmax(logits), and softmax(logits) − targets as its
 * derivative. TensorFlow's own operation adds up in any order on a GPU, and refuses to where TF_DETERMINISTIC_OPS is set.
 *
 * @returns  the copy; names stay, and values within rounding
 */
export function withDeterministicLoss(original: Graph): CopiedGraph {
  const graph = new Graph();
  const tensors = new Map<Tensor, Tensor>();
  const nodes = new Map<Node, Node>();
  const copyOf = (tensor: Tensor) => tensors.get(tensor)!;
  for (const node of original.nodes) {
    const inputs = node.inputs.map(copyOf);
    const controlInputs = node.controlInputs.map((control) => nodes.get(control)!);
    const outputs =
      node.op === 'SoftmaxCrossEntropyWithLogits'
        ? graph.withRootScope(node.name, () =>
            graph.withDevice(node.device, () =>
              crossEntropy(inputs[0]!, inputs[1]!, controlInputs),
            ),
          )
        : graph.addNode({ ...node, inputs, controlInputs }).outputs;
    node.outputs.forEach((output, i) => {
      tensors.set(output, outputs[i]!);
    });
    // A node without outputs is an update, and a copy of it.
    nodes.set(node, outputs[0]?.node ?? graph.nodes.at(-1)!);
  }
  return { graph, copyOf };
}

function crossEntropy(logits: Tensor, targets: Tensor, after: readonly Node[]): [Tensor, Tensor] {
  const loss = neg(sum(mul(targets, logSoftmax(logits, { after })), [1]));
  return [loss, sub(softmax(logits), targets)];
}
