/** Reads what a node was made with: attributes and constant inputs. */
import type { Node } from './graph.ts';

/** The attribute of a node that its constructor has put there. */
export function attr<K extends 'i' | 'f' | 'b' | 's' | 'ints'>(
  node: Node,
  name: string,
  kind: K,
): { i: number; f: number; b: boolean; s: string; ints: readonly number[] }[K] {
  const value = node.attrs[name] as Record<string, unknown> | undefined;
  if (value === undefined || !(kind in value)) {
    throw new Error(`${node.name}: no attribute ${name} of kind ${kind}`);
  }
  return value[kind] as never;
}

/** The values of an input that must be a constant, such as the axes of a reduction. */
export function constantInput(node: Node, index: number): readonly number[] {
  const value = node.inputs[index]!.node.attrs['value'];
  if (value === undefined || !('tensor' in value)) {
    throw new Error(`${node.name}: input ${index} is not a constant`);
  }
  return Array.from(value.tensor.data);
}
