/** What a network's layers are, for people who choose Hs and Hm. */
import { Graph, type Shape, type Variable } from '../graph/graph.ts';
import { placeholder } from '../graph/ops/array.ts';
import { sizeOf } from '../graph/shape.ts';
import { tensorsBefore } from '../graph/walk.ts';
import { type ItemSums, itemSumsOf } from '../insitu/itemSums.ts';
import { networkContext } from '../model/networkContext.ts';
import type { NetworkDefinition } from '../nets/network.ts';
import type { GraphInput } from '../preprocessing/itemInput.ts';

/** One end point. */
interface LayerDescription {
  /** As --hs and --hm take it. */
  readonly name: string;
  /** Of one item, such as [28, 28, 32]. */
  readonly shape: Shape;
  /** Whether it has height and width, or time, and so the maps C and R. */
  readonly isSpatial: boolean;
  /** Trained parameters that it depends on and no end point before it does. */
  readonly parameters: number;
  readonly itemSums: ItemSums;
}

/** A network's end points and parameters. */
export interface NetworkDescription {
  readonly layers: readonly LayerDescription[];
  /** All trained parameters. */
  readonly parameters: number;
  /** Elements of variables that no gradient moves: moving statistics. */
  readonly untrained: number;
}

const countElements = (variables: readonly Variable[]) =>
  variables.reduce((total, { shape }) => total + sizeOf(shape), 0);

/**
 * Builds a network as it is trained and describes it.
 *
 * @throws UserError  when items of this shape do not go through it
 */
export function describeLayers(
  network: NetworkDefinition,
  numClasses: number,
  input: GraphInput,
): NetworkDescription {
  const graph = new Graph();
  const dtype = input.kind === 'texts' ? 'int32' : 'float32';
  const items = placeholder(graph, dtype, [-1, ...input.shape], 'items');
  const dropoutSeed = placeholder(graph, 'int32', [2], 'dropout_seed');
  const context = networkContext(input, { numClasses, isTraining: true, dropoutSeed });
  const { logits, endPoints } = network.build(items, context);
  const variables = [...graph.variables.values()];
  const trained = variables.filter(({ trainable }) => trainable);
  const itemSums = itemSumsOf(endPoints, logits);
  const ofEarlier = new Set<Variable>();
  const layers = [...endPoints].map(([name, tensor]): LayerDescription => {
    const before = tensorsBefore(tensor);
    const own = trained.filter(
      (variable) => before.has(variable.value) && !ofEarlier.has(variable),
    );
    for (const variable of own) ofEarlier.add(variable);
    return {
      name,
      shape: tensor.shape.slice(1),
      isSpatial: tensor.shape.length > 2,
      parameters: countElements(own),
      itemSums: itemSums.get(name)!,
    };
  });
  const parameters = countElements(trained);
  return { layers, parameters, untrained: countElements(variables) - parameters };
}
