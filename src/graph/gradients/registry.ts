/** The table of op gradients: how the derivative of an output becomes derivatives of the inputs. */
import type { Node, OpGradient, Tensor } from '../graph.ts';

/** Gradients by the name of the op. */
export type GradientTable = Readonly<Record<string, OpGradient>>;

/** An op gradient for a node of one output, which has the derivative `dy`. */
export function ofSingleOutput(
  gradient: (node: Node, dy: Tensor) => readonly ((() => Tensor) | null)[],
): OpGradient {
  return (node, [dy]) => gradient(node, dy!);
}
