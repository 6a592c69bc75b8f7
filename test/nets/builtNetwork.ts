/** Networks as they are built for training, for tests to look at. */
import { Graph, type Variable } from '../../src/graph/graph.ts';
import { placeholder } from '../../src/graph/ops/array.ts';
import { getNetwork } from './getNetwork.ts';

/** A network of items of this shape, with the shapes of its end points by their names. */
export function build(
  name: string,
  itemShape: readonly number[],
  numClasses = 10,
  vocabularySize = 1000,
) {
  const graph = new Graph();
  const network = getNetwork(name);
  const dtype = network.takes === 'texts' ? 'int32' : 'float32';
  const input = placeholder(graph, dtype, [-1, ...itemShape], 'input');
  const dropoutSeed = placeholder(graph, 'int32', [2], 'dropout_seed');
  const { logits, endPoints } = network.build(input, {
    numClasses,
    vocabularySize,
    isTraining: true,
    weightDecay: 0.004,
    dropoutSeed,
    computeType: 'float32',
    updates: [],
  });
  const shapes = Object.fromEntries(
    [...endPoints].map(([key, { shape }]) => [key, shape.slice(1)]),
  );
  return { graph, logits, endPoints, shapes, variables: [...graph.variables.values()] };
}

/** Elements of what gradients move. */
export function countParameters(variables: readonly Variable[]): number {
  return variables
    .filter(({ trainable }) => trainable)
    .reduce((total, { shape }) => total + shape.reduce((a, b) => a * b, 1), 0);
}
