/** What a kernel of the WebAssembly engine is. */
import type * as tf from '@tensorflow/tfjs-core';
import type { Node } from '../../graph/graph.ts';

/**
 * Computes one node.
 *
 * @param node    its attributes and static shapes
 * @param inputs  values of its inputs; not to be changed or disposed of
 * @returns       new tensors, one for each output
 */
export type Kernel = (node: Node, inputs: readonly tf.Tensor[]) => tf.Tensor | readonly tf.Tensor[];

/** Kernels by the name of the op. */
export type KernelTable = Readonly<Record<string, Kernel>>;
