/** Where a batch enters the graph. */
import type { Graph, Tensor } from '../graph/graph.ts';
import { placeholder } from '../graph/ops/array.ts';
import { itemFeeds } from '../preprocessing/itemFeeds.ts';
import type { GraphInput } from '../preprocessing/itemInput.ts';
import { networkItems } from '../preprocessing/networkItems.ts';

/** A batch in the graph. */
export interface BatchInput {
  /** The placeholders that take it, by name: what `itemFeeds` says of an item, [n, …]. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** As the network takes it: images float32 [n, height, width, channels] or token ids int32 [n, time]. */
  readonly items: Tensor;
}

/** The placeholders of batches of such items, by name. */
export function batchPlaceholders(
  graph: Graph,
  input: GraphInput,
  isTraining: boolean,
): BatchInput['inputs'] {
  return Object.fromEntries(
    itemFeeds(input, isTraining).map(({ name, dtype, shape }) => [
      name,
      placeholder(graph, dtype, [-1, ...shape], name),
    ]),
  );
}

/** The same with the preprocessing that lies in the graph. */
export function addBatchInput(graph: Graph, input: GraphInput, isTraining: boolean): BatchInput {
  const inputs = batchPlaceholders(graph, input, isTraining);
  return { inputs, items: networkItems(inputs, input, isTraining) };
}

/** A batch as an evaluation has it, without augmentation. @param inputs  placeholders of a training, by name */
export function evaluatedBatch(inputs: BatchInput['inputs'], input: GraphInput): BatchInput {
  const names = itemFeeds(input, false).map(({ name }) => name);
  const given = Object.fromEntries(names.map((name) => [name, inputs[name]!]));
  return { inputs: given, items: networkItems(given, input, false) };
}
