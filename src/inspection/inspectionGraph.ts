/** The graph that looks at items: loss contributions of a network whose weights stay as they are. */
import type { Signatures } from '../engines/engine.ts';
import { UsageError } from '../errors.ts';
import { gradients } from '../graph/gradients.ts';
import { Graph, type Tensor, type Variable } from '../graph/graph.ts';
import { constant, gather, placeholder } from '../graph/ops/array.ts';
import { softmax } from '../graph/ops/nn.ts';
import { batchSizeOf } from '../insitu/lossContribution.ts';
import { addBatchInput } from '../model/batchInput.ts';
import { monitoredOutputs } from '../model/inSituOutputs.ts';
import { addLoss } from '../model/loss.ts';
import { networkContext } from '../model/networkContext.ts';
import { variableSignatures } from '../model/predictionGraph.ts';
import { pickEndPoints } from '../nets/endPoints.ts';
import type { NetworkDefinition } from '../nets/network.ts';
import type { GraphInput } from '../preprocessing/itemInput.ts';

/** What the graph depends on. */
export interface InspectionGraphOptions {
  readonly network: NetworkDefinition;
  readonly numClasses: number;
  readonly input: GraphInput;
  /** Layers to look at, in any order. */
  readonly layers: readonly string[];
  /**
   * Whether batch normalisation uses the statistics of the batch, as in the training, in place of
   * the moving ones. Dropout keeps everything in either case.
   */
  readonly usesBatchStatistics: boolean;
}

/** The graph with its entry points:
 *
 * - `assign`, `read`  as every graph has them
 * - `inspect` feeds items without augmentation, labels int32 [n], and rows int32 [m]: the items to look at. Outputs
 *             input [m, …], these as the network sees them, probabilities [n, classes] and for each layer LAYER/contribution [m] and either
 *             LAYER/C and LAYER/R [m, h, w] or [m, time], or LAYER/channels [m, units]; all contributions in nats
 */
export interface InspectionGraph {
  readonly graph: Graph;
  readonly signatures: Signatures;
  readonly variables: readonly Variable[];
  /** The layers in network order. */
  readonly layers: readonly string[];
}

/**
 * Builds the network with its loss and the contributions of some layers.
 *
 * @throws UsageError  for a layer that does not exist, or that the loss does not depend on
 */
export function buildInspectionGraph(options: InspectionGraphOptions): InspectionGraph {
  const graph = new Graph();
  const batch = addBatchInput(graph, options.input, false);
  const labels = placeholder(graph, 'int32', [-1], 'labels');
  const rows = placeholder(graph, 'int32', [-1], 'rows');
  const context = networkContext(options.input, {
    numClasses: options.numClasses,
    isTraining: options.usesBatchStatistics,
    withoutDropout: true,
    dropoutSeed: constant(graph, 'int32', [0, 0]),
  });
  const { logits, endPoints } = options.network.build(batch.items, context);
  const { labelCrossEntropy } = addLoss(logits, labels, 0);
  const layers = pickEndPoints('--layers', options.layers, {
    logits,
    endPoints,
    modelName: options.network.modelName,
  });
  const derivatives = gradients(labelCrossEntropy, [...layers.values()]);
  const outputs: Record<string, Tensor> = {
    input: gather(batch.items, rows, { name: 'input' }),
    probabilities: graph.withRootScope('outputs', () => softmax(logits)),
  };
  graph.withRootScope('in_situ', () => {
    const batchSize = batchSizeOf(labels);
    const tapped = [...layers].map(([name, activation], i) => {
      const gradient = derivatives[i];
      if (!gradient) {
        throw new UsageError(
          `--layers: the loss does not depend on "${name}"; expected a layer on the way from the image to the logits.`,
        );
      }
      return { name, activation, gradient, batchSize };
    });
    Object.assign(outputs, monitoredOutputs(tapped, rows));
  });
  const variables = [...graph.variables.values()];
  return {
    graph,
    variables,
    layers: [...layers.keys()],
    signatures: {
      ...variableSignatures(graph, variables),
      inspect: { inputs: { ...batch.inputs, labels, rows }, outputs },
    },
  };
}
