/** The graph that classifies, and the entry points that every graph has. */
import type { Signature, Signatures } from '../engines/engine.ts';
import { Graph, type Tensor, type Variable } from '../graph/graph.ts';
import { cast, constant, identity, placeholder } from '../graph/ops/array.ts';
import { softmax } from '../graph/ops/nn.ts';
import { assign } from '../graph/ops/variables.ts';
import type { NetworkContext, NetworkDefinition } from '../nets/network.ts';
import { type GraphInput, inputTypes } from '../preprocessing/itemInput.ts';
import type { Normalize } from '../preprocessing/preprocessing.ts';
import { inputPlaceholder } from './inputPlaceholder.ts';
import { networkContext } from './networkContext.ts';

/** What the graph depends on. */
export interface PredictionGraphOptions {
  readonly network: NetworkDefinition;
  readonly numClasses: number;
  readonly input: GraphInput;
  /** Element type of convolutions and matrix products; float32 by default. */
  readonly computeType?: 'float32' | 'bfloat16';
  /** What is done to images in the graph, before the network; nothing by default. */
  readonly normalize?: Normalize;
}

/** A network outside of training with the entry points `assign`, `read` and `predict`. */
export interface PredictionGraph {
  readonly graph: Graph;
  readonly signatures: Signatures;
  readonly variables: readonly Variable[];
}

/** Builds the network alone, without dropout and with the moving statistics. */
export function buildPredictionGraph({
  network,
  numClasses,
  input,
  computeType = 'float32',
  normalize = (items) => items,
}: PredictionGraphOptions): PredictionGraph {
  const graph = new Graph();
  const items = inputPlaceholder(graph, input);
  const normalized = graph.withScope('preprocessing', () => normalize(items));
  const context = networkContext(input, {
    numClasses,
    isTraining: false,
    dropoutSeed: constant(graph, 'int32', [0, 0]),
    computeType,
  });
  const { outputs } = predictSignatures(normalized, network, context, null).predict;
  const variables = [...graph.variables.values()];
  const predict = { inputs: { [inputTypes[input.kind].name]: items }, outputs };
  return { graph, variables, signatures: { ...variableSignatures(graph, variables), predict } };
}

/** Entry points that set and read all variables by their names: `assign` and `read`. */
export function variableSignatures(
  graph: Graph,
  variables: readonly Variable[],
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
  const done = identity(constant(graph, 'float32', 1), {
    name: 'assign/done',
    after: assignments,
  });
  return { assign: { inputs: values, outputs: { done } }, read: { inputs: {}, outputs: current } };
}

/**
 * The entry point that classifies, `predict`: the network as it is outside of training. Feeds images
 * [n, h, w, c] or token_ids int32 [n, time]; outputs probabilities [n, classes]. Beside it `embed`,
 * which has the values of one layer as a second output: embedding [n, …].
 *
 * @param layer  an end point of the network; null for no `embed`
 */
export function predictSignatures(
  input: Tensor,
  network: NetworkDefinition,
  context: NetworkContext,
  layer: string | null,
): { predict: Signature; embed?: Signature } {
  return input.graph.withNodePrefix('predict', () => {
    const { logits, endPoints } = network.build(input, context);
    const inputs = { [input.node.name]: input };
    const probabilities = softmax(logits);
    const predict = { inputs, outputs: { probabilities } };
    const endPoint = layer === null ? undefined : endPoints.get(layer);
    if (endPoint === undefined) return { predict };
    const embedding = cast(endPoint, 'float32');
    return { predict, embed: { inputs, outputs: { probabilities, embedding } } };
  });
}
