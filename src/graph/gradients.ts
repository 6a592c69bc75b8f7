/** Reverse-mode differentiation of the graph. */
import { UserError } from '../errors.ts';
import { activationGradients } from './gradients/activationGradients.ts';
import { arrayGradients } from './gradients/arrayGradients.ts';
import { mathGradients } from './gradients/mathGradients.ts';
import { nnGradients } from './gradients/nnGradients.ts';
import type { GradientTable } from './gradients/registry.ts';
import { windowGradients } from './gradients/windowGradients.ts';
import { describe, type Graph, type Node, type Tensor } from './graph.ts';
import { cast, constant } from './ops/array.ts';
import { addN } from './ops/math.ts';
import { nodesBehind } from './walk.ts';

/** Gradients by op: what an op must be in to be trained through. */
export const gradientTable: GradientTable = {
  ...arrayGradients,
  ...mathGradients,
  ...nnGradients,
  ...activationGradients,
  ...windowGradients,
};

/** Whether a tensor has derivatives: counts, shapes and conditions have none. */
function isDifferentiable({ dtype }: Tensor): boolean {
  return dtype === 'float32' || dtype === 'bfloat16';
}

/** The nodes that a gradient can flow back through to some of the sources. */
function nodesDependingOn(graph: Graph, sources: ReadonlySet<Tensor>): ReadonlySet<Node> {
  const depending = new Set<Node>();
  const followed = new Set(sources);
  for (const node of nodesBehind(graph, followed)) {
    if (!node.outputs.some(isDifferentiable)) continue;
    depending.add(node);
    for (const output of node.outputs) followed.add(output);
  }
  return depending;
}

/**
 * Derivatives of a scalar with respect to any tensors: variables' values and hidden layers alike.
 * Ask once for all of them; a second call would add the whole backward pass a second time.
 *
 * @param loss  float32 []
 * @param xs    tensors of the graph before the loss
 * @returns     for each x its derivative in the shape of x, or null where the loss does not depend on it
 * @throws UserError  when an op on the way has no gradient
 */
export function gradients(loss: Tensor, xs: readonly Tensor[]): (Tensor | null)[] {
  const { graph } = loss;
  const sources = new Set(xs);
  const depending = nodesDependingOn(graph, sources);
  // Several derivatives of one tensor, from its several users, add up.
  const parts = new Map<Tensor, Tensor[]>();
  const sums = new Map<Tensor, Tensor>();
  const gradientOf = (tensor: Tensor): Tensor | null => {
    const known = sums.get(tensor);
    if (known !== undefined) return known;
    const own = parts.get(tensor);
    if (own === undefined) return null;
    const total = graph.withDevice(tensor.node.device, () => addN(own));
    sums.set(tensor, total);
    return total;
  };
  return graph.withRootScope('gradients', () => {
    parts.set(loss, [constant(graph, 'float32', 1, [], { name: 'grad_loss' })]);
    for (const node of graph.nodes.slice(0, graph.nodes.indexOf(loss.node) + 1).reverse()) {
      if (!depending.has(node) || !node.outputs.some((output) => parts.has(output))) continue;
      const gradient = graph.customGradients.get(node) ?? gradientTable[node.op];
      if (gradient === undefined) {
        throw new UserError(
          `${node.name}: the op ${node.op} has no gradient, so nothing before it can be trained.`,
        );
      }
      const ofNode = (build: () => void) =>
        graph.withScope(`${node.name}_grad`, () => graph.withDevice(node.device, build));
      ofNode(() => {
        const inputGradients = gradient(node, node.outputs.map(gradientOf));
        node.inputs.forEach((input, i) => {
          const addGradient = inputGradients[i];
          if (addGradient === null || addGradient === undefined) return;
          if (!sources.has(input) && !depending.has(input.node)) return;
          // A derivative that was summed comes in float32.
          const part = cast(addGradient(), input.dtype);
          const own = parts.get(input);
          if (own === undefined) parts.set(input, [part]);
          else own.push(part);
        });
      });
    }
    return xs.map((x) => {
      const gradient = gradientOf(x);
      if (gradient !== null && gradient.shape.length !== x.shape.length) {
        throw new Error(`gradient ${describe(gradient)} does not fit ${describe(x)}`);
      }
      return gradient;
    });
  });
}
