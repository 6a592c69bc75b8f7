/** The one graph of a run: forward, backward, update, loss contribution, and the entry points. */
import type { Signatures } from '../engines/engine.ts';
import type { Graph, Tensor, Variable } from '../graph/graph.ts';
import { identity, placeholder } from '../graph/ops/array.ts';
import { batchSizeOf } from '../insitu/lossContribution.ts';
import { endPointName, type NamedLayers, pickEndPoints } from '../nets/endPoints.ts';
import type { NetworkContext, NetworkDefinition, NetworkOutputs } from '../nets/network.ts';
import type { GraphInput } from '../preprocessing/itemInput.ts';
import { networkItems } from '../preprocessing/networkItems.ts';
import { backward } from './backward.ts';
import { batchPlaceholders, evaluatedBatch } from './batchInput.ts';
import {
  type Clone,
  type CloneOptions,
  divideBatch,
  graphOfClones,
  joinOutputs,
  oneClone,
} from './clones.ts';
import { dividedPrediction, findFeatures, headSignatures } from './frozenPart.ts';
import { headScopes } from './head.ts';
import { addInSituOutputs } from './inSituOutputs.ts';
import { addLayerStatistics } from './layerStatistics.ts';
import { addLoss, addTotalLoss, type NetworkLoss } from './loss.ts';
import { addMovingAverages } from './movingAverages.ts';
import { networkContext } from './networkContext.ts';
import type { OptimizerOptions } from './optimizerOptions.ts';
import { addOptimizer } from './optimizers.ts';
import { predictSignatures, variableSignatures } from './predictionGraph.ts';
import { inScopes, isHeadAlone, learningRateFactors } from './scopes.ts';

/** What the graph of a run depends on. */
export interface TrainingGraphOptions {
  readonly network: NetworkDefinition;
  readonly numClasses: number;
  readonly input: GraphInput;
  readonly weightDecay: number;
  readonly labelSmoothing: number;
  readonly computeType: 'float32' | 'bfloat16';
  readonly optimizer: OptimizerOptions;
  /**
   * Beginnings of the names of the variables to train, as regular expressions, or 'head' or 'all'; all by
   * default.
   */
  readonly trainableScopes?: readonly string[];
  /** SCOPE=FACTOR of the learning rate; none by default. */
  readonly learningRateScopes?: readonly string[];
  /** Whether batch normalisation keeps to its moving statistics; by default where the head alone is trained. */
  readonly freezeBatchNorm?: boolean | undefined;
  /** Whether moving averages of the network's variables are kept; not by default. */
  readonly movingAverages?: boolean;
  /** Hs; undefined for the logits, empty to select nothing. */
  readonly selectionLayer: string | undefined;
  /** Hm, in any order. */
  readonly monitoredLayers: readonly string[];
  /** Copies of the network that share the batch; one by default. */
  readonly clones?: CloneOptions;
}

/** The graph with its entry points:
 *
 * - `assign`  feeds every variable by its name; output `done`
 * - `read`    outputs every variable by its name
 * - `train`   feeds items as `itemFeeds` has them, labels int32 [n], learning_rate [], dropout_seed int32 [2] and, with monitored layers, monitor_rows
 *             int32 [m] in ascending order, with moving averages moving_average_decay []. Outputs total_loss [],
 *             cross_entropy [], output int32 [n], output_probability [n]; with a selection layer
 *             probabilities [n, classes] and scores [scores·n] as `itemScores` packs them; for each
 *             monitored layer LAYER/contribution [m] and either
 *             LAYER/C and LAYER/R [m, h, w] or [m, time], or LAYER/channels [m, units]; and
 *             monitored_input, the monitored items as the network saw them
 * - `train_all_rows`        with monitored layers, as `train` without monitor_rows: all rows of the batch
 * - `train_with_summaries`  as `train`, with the outputs that `decodeStep` understands besides
 * - `features`, `train_head`, `train_head_with_summaries` and `monitor`, with features: see `headSignatures`
 * - `predict` feeds items without augmentation; outputs probabilities [n, classes]
 * - `predict_features` and `predict_head`, with evaluated features: `predict` in two, by way of features [n, …]
 * - `embed`   with a selection layer, the same and embedding [n, …], the values of that layer
 */
export interface TrainingGraph {
  readonly graph: Graph;
  readonly signatures: Signatures;
  /** End points of the training network in network order; with clones, of the first. */
  readonly endPoints: ReadonlyMap<string, Tensor>;
  /** Hs, or null when nothing is selected. */
  readonly selectionLayer: string | null;
  /** Hm in network order. */
  readonly monitoredLayers: readonly string[];
  readonly variables: readonly Variable[];
  /** Those of the network; the others are the optimizer's and the moving averages. */
  readonly modelVariables: readonly Variable[];
  /** Of the layers that make the logits. */
  readonly headScopes: readonly string[];
  /** What the part that stays as it is gives of an item, [n, …]; null where `train` cannot be divided there, as with clones. */
  readonly features: Tensor | null;
  /** The same of `predict`; null where all of it changes. */
  readonly evaluatedFeatures: Tensor | null;
}

/** The name of Hs: by default the end point that holds the logits; null for an empty name. */
function resolveSelectionLayer(name: string | undefined, layers: NamedLayers): string | null {
  if (name !== undefined) return name === '' ? null : endPointName('--hs', name, layers);
  const { logits, endPoints } = layers;
  return [...endPoints].find(([, tensor]) => tensor === logits)?.[0] ?? null;
}

/** A clone with its network. */
interface BuiltClone extends Clone, NetworkOutputs {
  /** Its items as the network takes them, [n, …] */
  readonly input: Tensor;
  readonly context: NetworkContext;
  readonly loss: NetworkLoss;
}

function buildClone(clone: Clone, options: TrainingGraphOptions): BuiltClone {
  const { network, trainableScopes, labelSmoothing } = options;
  const trainsHead = isHeadAlone(trainableScopes);
  return clone.within(() => {
    const input = networkItems(clone.items, options.input, true);
    const context = networkContext(options.input, {
      numClasses: options.numClasses,
      isTraining: true,
      weightDecay: options.weightDecay,
      dropoutSeed: clone.dropoutSeed,
      computeType: options.computeType,
      freezeBatchNorm: options.freezeBatchNorm ?? trainsHead,
      withoutDroppedBranches: trainsHead,
    });
    const built = network.build(input, context);
    const loss = addLoss(built.logits, clone.labels, labelSmoothing, built.auxiliary);
    return { ...clone, ...built, input, context, loss };
  });
}

/**
 * Builds the graph of a run.
 *
 * @throws UsageError  for a layer or optimizer that does not exist, or a layer that the loss does
 *                     not depend on
 */
export function buildTrainingGraph(options: TrainingGraphOptions): TrainingGraph {
  const { network, numClasses, clones: cloneOptions = oneClone } = options;
  const graph = graphOfClones(cloneOptions);
  const items = batchPlaceholders(graph, options.input, true);
  const labels = placeholder(graph, 'int32', [-1], 'labels');
  const learningRate = placeholder(graph, 'float32', [], 'learning_rate');
  const dropoutSeed = placeholder(graph, 'int32', [2], 'dropout_seed');
  const monitorRows = placeholder(graph, 'int32', [-1], 'monitor_rows');
  const averageDecay = placeholder(graph, 'float32', [], 'moving_average_decay');

  const batch = { items, labels, monitorRows, dropoutSeed };
  const clones = divideBatch(batch, cloneOptions).map((clone) => buildClone(clone, options));
  // As in TF-Slim, it also moves the statistics of batch normalisation, and its layers are summarised.
  const first = clones[0]!;
  const { context, endPoints } = first;
  const modelVariables = [...graph.variables.values()];
  const loss = addTotalLoss(
    graph,
    clones.map(({ loss, share }) => ({ ...loss, share })),
  );

  const named = { ...first, modelName: network.modelName };
  const selectionLayer = resolveSelectionLayer(options.selectionLayer, named);
  const selecting = selectionLayer === null ? [] : [selectionLayer];
  const monitoredLayers = [...pickEndPoints('--hm', options.monitoredLayers, named).keys()];
  const tapped = new Set([...selecting, ...monitoredLayers]);

  const head = headScopes(network, modelVariables, numClasses);
  const trainable = inScopes(
    modelVariables.filter(({ trainable }) => trainable),
    options.trainableScopes ?? [],
    head,
  );
  // Batch normalisation that is not frozen moves its statistics.
  const moved =
    context.updates.length === 0 ? [] : modelVariables.filter(({ trainable }) => !trainable);
  const changed = [...trainable, ...moved];
  // Clones share no tensor that all goes through.
  const features =
    clones.length > 1
      ? null
      : findFeatures({
          end: loss.total,
          items: Object.values(items),
          drawn: [dropoutSeed],
          changed,
        });
  const taps = [
    ...clones.flatMap((clone) => [...tapped].map((name) => clone.endPoints.get(name)!)),
    ...(features === null ? [] : [features]),
  ];
  const { variableGradients, tapDerivatives } = backward(loss, trainable, taps);
  const factors = learningRateFactors(trainable, options.learningRateScopes ?? [], head);
  const rated = variableGradients.map((each) => ({ ...each, factor: factors.get(each.variable) }));
  const changes = [...addOptimizer(rated, learningRate, options.optimizer), ...context.updates];
  const updates = options.movingAverages
    ? [...changes, ...addMovingAverages(modelVariables, averageDecay, changes)]
    : changes;

  const totalLoss = identity(loss.total, { name: 'train/total_loss', after: updates });
  const batchSize = graph.withRootScope('in_situ', () => batchSizeOf(labels));
  const ofClones = clones.map((clone) =>
    clone.within(() =>
      addInSituOutputs({
        ...clone,
        batchSize,
        derivatives: tapDerivatives,
        selectionLayer,
        monitoredLayers,
      }),
    ),
  );

  const variables = [...graph.variables.values()];
  const inputs = {
    labels,
    learning_rate: learningRate,
    dropout_seed: dropoutSeed,
    ...(options.movingAverages ? { moving_average_decay: averageDecay } : {}),
  };
  const rowInputs = monitoredLayers.length > 0 ? { ...inputs, monitor_rows: monitorRows } : inputs;
  const common = {
    total_loss: totalLoss,
    cross_entropy: loss.crossEntropy,
    ...joinOutputs(ofClones.map(({ ofItems }) => ofItems)),
  };
  const outputs = { ...common, ...joinOutputs(ofClones.map(({ ofRows }) => ofRows)) };
  const summaries = first.within(() =>
    addLayerStatistics(graph, endPoints, {
      'losses/aux_loss/value': loss.auxiliary,
      regularization_loss: loss.regularization,
    }),
  );
  const divided =
    features &&
    headSignatures({
      features,
      gradient: tapDerivatives.get(features)!,
      items,
      monitorRows,
      inputs: rowInputs,
      outputs,
      summaries,
      monitoredLayers,
    });
  const predicted = dividedPrediction(
    first.within(() =>
      predictSignatures(
        graph.withNodePrefix('predict', () => evaluatedBatch(items, options.input)),
        network,
        { ...context, isTraining: false },
        selectionLayer,
      ),
    ),
    changed,
  );
  return {
    graph,
    endPoints,
    selectionLayer,
    monitoredLayers,
    variables,
    modelVariables,
    headScopes: head,
    features: divided && features,
    evaluatedFeatures: predicted.features,
    signatures: {
      ...variableSignatures(graph, variables),
      train: { inputs: { ...items, ...rowInputs }, outputs },
      ...(monitoredLayers.length > 0
        ? {
            train_all_rows: {
              inputs: { ...items, ...inputs },
              outputs: { ...common, ...joinOutputs(ofClones.map(({ ofAllRows }) => ofAllRows)) },
            },
          }
        : {}),
      train_with_summaries: {
        inputs: { ...items, ...rowInputs },
        outputs: { ...outputs, ...summaries },
      },
      ...divided,
      ...predicted.signatures,
    },
  };
}
