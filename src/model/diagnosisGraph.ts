/** The graph that finds where a batch's numbers stop being finite: forward and backward, without any update. */
import type { Signatures } from '../engines/engine.ts';
import type { Graph, Tensor, Variable } from '../graph/graph.ts';
import { cast } from '../graph/ops/array.ts';
import { isFiniteNumber, min, minimum } from '../graph/ops/math.ts';
import { backward } from './backward.ts';
import { buildClonedNetwork } from './clonedNetwork.ts';
import { headScopes } from './head.ts';
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

/** 1 where all numbers in some tensors are finite, else 0; each is looked at where it is computed. */
function areAllFinite(tensors: readonly Tensor[]): Tensor {
  return tensors
    .map((x) => x.graph.withDevice(x.node.device, () => min(cast(isFiniteNumber(x), 'float32'))))
    .reduce((all, each) => minimum(all, each));
}

/** Builds it for the network of a training graph: the same batch, seed and weights give the same numbers. */
export function buildDiagnosisGraph(options: TrainingGraphOptions): DiagnosisGraph {
  const { graph, feeds, clones, variables, loss } = buildClonedNetwork(options);
  const trained = inScopes(
    variables.filter(({ trainable }) => trainable),
    options.trainableScopes ?? [],
    headScopes(options.network, variables, options.numClasses),
  );
  const { variableGradients } = backward(loss, trained, []);
  const outputs: Record<string, Tensor> = { loss: loss.total };
  const added = (kind: string, tensors: Iterable<readonly [string, readonly Tensor[]]>) => {
    const names = new Map<string, string>();
    for (const [name, ofName] of tensors) {
      names.set(name, `${kind}/${name}`);
      outputs[`${kind}/${name}`] = areAllFinite(ofName);
    }
    return names;
  };
  return {
    graph,
    variables,
    layers: added(
      'layer',
      [...clones[0]!.endPoints.keys()].map(
        (name) => [name, clones.map(({ endPoints }) => endPoints.get(name)!)] as const,
      ),
    ),
    derivatives: added(
      'derivative',
      variableGradients.map(({ variable, gradient }) => [variable.name, [gradient]] as const),
    ),
    signatures: {
      ...variableSignatures(graph, variables),
      diagnose: {
        inputs: { ...feeds.items, labels: feeds.labels, dropout_seed: feeds.dropoutSeed },
        outputs,
      },
    },
  };
}
