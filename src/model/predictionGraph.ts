/** The graph that classifies, and the entry points that every graph has. */
import type { Signature, Signatures } from '../engines/engine.ts';
import { Graph, type Tensor, type Variable } from '../graph/graph.ts';
import { cast, constant, identity, placeholder } from '../graph/ops/array.ts';
import { softmax } from '../graph/ops/nn.ts';
import { assign } from '../graph/ops/variables.ts';
import type { NetworkContext, NetworkDefinition } from '../nets/network.ts';
import type { GraphInput, ImageInput } from '../preprocessing/itemInput.ts';
import { preprocessedInGraph, servedSize } from '../preprocessing/networkItems.ts';
import { addBatchInput, type BatchInput } from './batchInput.ts';
import { networkContext } from './networkContext.ts';

/** What the graph depends on. */
export interface PredictionGraphOptions {
  readonly network: NetworkDefinition;
  readonly numClasses: number;
  readonly input: GraphInput;
  /** Element type of convolutions and matrix products; float32 by default. */
  readonly computeType?: 'float32' | 'bfloat16';
}

/** A network outside of training with the entry points `assign`, `read` and `predict`. */
export interface PredictionGraph {
  readonly graph: Graph;
  readonly signatures: Signatures;
  readonly variables: readonly Variable[];
}

/** Builds the network alone, without dropout and with the moving statistics. */
export function buildPredictionGraph(options: PredictionGraphOptions): PredictionGraph {
  const graph = new Graph();
  return predictionGraph(graph, addBatchInput(graph, options.input, false), options);
}

/**
 * The same for others to run: `predict` takes images uint8 [n, height, width, source channels] of the
 * size that `servedSize` says.
 */
export function buildServingGraph(
  options: PredictionGraphOptions & { readonly input: ImageInput },
): PredictionGraph {
  const { input } = options;
  const graph = new Graph();
  const shape = [-1, ...servedSize(input), input.sourceChannels];
  const images = placeholder(graph, 'uint8', shape, 'images');
  const items = graph.withScope('preprocessing', () => preprocessedInGraph(images, input));
  return predictionGraph(graph, { inputs: { images }, items }, options);
}

function predictionGraph(
  graph: Graph,
  batch: BatchInput,
  { network, numClasses, input, computeType = 'float32' }: PredictionGraphOptions,
): PredictionGraph {
  const context = networkContext(input, {
    numClasses,
    isTraining: false,
    dropoutSeed: constant(graph, 'int32', [0, 0]),
    computeType,
  });
  const { predict } = predictSignatures(batch, network, context, null);
  const variables = [...graph.variables.values()];
  return { graph, variables, signatures: { ...variableSignatures(graph, variables), predict } };
}

/**
 * Entry points that set and read all variables by their names: `assign` and `read`.
 *
 * @param zeroed  a variable [] beside them that `assign` sets to 0
 */
export function variableSignatures(
  graph: Graph,
  variables: readonly Variable[],
  zeroed: Variable | null = null,
): { assign: Signature; read: Signature } {
  const values: Record<string, Tensor> = {};
  const current: Record<string, Tensor> = {};
  const assignments = graph.withRootScope('assign', () =>
    variables.map((variable) => {
      const { name, shape, value } = variable;
      values[name] = placeholder(graph, 'float32', shape, name);
      current[name] = value;
      return assign(variable, values[name]);
    }),
  );
  const cleared = zeroed && assign(zeroed, constant(graph, 'float32', 0));
  const done = identity(constant(graph, 'float32', 1), {
    name: 'assign/done',
    after: cleared === null ? assignments : [...assignments, cleared],
  });
  return { assign: { inputs: values, outputs: { done } }, read: { inputs: {}, outputs: current } };
}

/**
 * The entry point that classifies, `predict`: the network as it is outside of training. Feeds a batch;
 * outputs probabilities [n, classes]. Beside it `embed`, which has the values of one layer as a second
 * output: embedding [n, …].
 *
 * @param layer  an end point of the network; null for no `embed`
 */
export function predictSignatures(
  { inputs, items }: BatchInput,
  network: NetworkDefinition,
  context: NetworkContext,
  layer: string | null,
): { predict: Signature; embed?: Signature } {
  return items.graph.withNodePrefix('predict', () => {
    const { logits, endPoints } = network.build(items, context);
    const probabilities = softmax(logits);
    const predict = { inputs, outputs: { probabilities } };
    const endPoint = layer === null ? undefined : endPoints.get(layer);
    if (endPoint === undefined) return { predict };
    const embedding = cast(endPoint, 'float32');
    return { predict, embed: { inputs, outputs: { probabilities, embedding } } };
  });
}
