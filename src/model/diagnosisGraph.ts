/** The graph that finds where a batch's numbers stop being finite: forward and backward, without any update. */
import type { Signatures } from '../engines/engine.ts';
import { Graph, type Tensor, type Variable } from '../graph/graph.ts';
import { cast, placeholder } from '../graph/ops/array.ts';
import { isFiniteNumber, min } from '../graph/ops/math.ts';
import { backward } from './backward.ts';
import { addBatchInput } from './batchInput.ts';
import { headScopes } from './head.ts';
import { addLoss } from './loss.ts';
import { trainingContext } from './networkContext.ts';
import { variableSignatures } from './predictionGraph.ts';
import { inScopes } from './scopes.ts';
import type { TrainingGraphOptions } from './trainingGraph.ts';

/** The graph with its entry points:
 *
 * - `assign`, `read`  as every graph has them
 * - `diagnose` feeds items as `train` takes them, labels int32 [n] and dropout_seed int32 [2]; outputs loss [],
 *             and by the names of `layers` and `derivatives` 1 where all numbers are finite, else 0, float32 []
 */
export interface DiagnosisGraph {
  readonly graph: Graph;
  readonly signatures: Signatures;
  readonly variables: readonly Variable[];
  /** End points in network order, with the names of their outputs. */
  readonly layers: ReadonlyMap<string, string>;
  /** The same of the variables that are trained, in their order. */
  readonly derivatives: ReadonlyMap<string, string>;
}

function isAllFinite(x: Tensor): Tensor {
  return min(cast(isFiniteNumber(x), 'float32'));
}

/** Builds it for the network of a training graph: the same batch, seed and weights give the same numbers. */
export function buildDiagnosisGraph(options: TrainingGraphOptions): DiagnosisGraph {
  const { network, numClasses } = options;
  const graph = new Graph();
  const batch = addBatchInput(graph, options.input, true);
  const labels = placeholder(graph, 'int32', [-1], 'labels');
  const dropoutSeed = placeholder(graph, 'int32', [2], 'dropout_seed');
  const context = trainingContext(options, dropoutSeed);
  const { logits, endPoints, auxiliary } = network.build(batch.items, context);
  const variables = [...graph.variables.values()];
  const loss = addLoss(graph, logits, labels, options.labelSmoothing, auxiliary);
  const trained = inScopes(
    variables.filter(({ trainable }) => trainable),
    options.trainableScopes ?? [],
    headScopes(network, variables, numClasses),
  );
  const { variableGradients } = backward(loss, trained, []);
  const outputs: Record<string, Tensor> = { loss: loss.total };
  const added = (kind: string, tensors: Iterable<readonly [string, Tensor]>) => {
    const names = new Map<string, string>();
    for (const [name, tensor] of tensors) {
      names.set(name, `${kind}/${name}`);
      outputs[`${kind}/${name}`] = isAllFinite(tensor);
    }
    return names;
  };
  return {
    graph,
    variables,
    layers: added('layer', endPoints),
    derivatives: added(
      'derivative',
      variableGradients.map(({ variable, gradient }) => [variable.name, gradient] as const),
    ),
    signatures: {
      ...variableSignatures(graph, variables),
      diagnose: { inputs: { ...batch.inputs, labels, dropout_seed: dropoutSeed }, outputs },
    },
  };
}
