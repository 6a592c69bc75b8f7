/** The one graph of a run: forward, backward, update, loss contribution, and the entry points. */
import type { Signatures } from '../engines/engine.ts';
import type { Graph, Tensor, Variable } from '../graph/graph.ts';
import { placeholder } from '../graph/ops/array.ts';
import { assign } from '../graph/ops/variables.ts';
import { batchSizeOf } from '../insitu/lossContribution.ts';
import { endPointName, type NamedLayers, pickEndPoints } from '../nets/endPoints.ts';
import { addAllReduce, shareSignatures } from './allReduce.ts';
import { backward } from './backward.ts';
import { evaluatedBatch } from './batchInput.ts';
import { buildClonedNetwork, type ClonedNetworkOptions } from './clonedNetwork.ts';
import { joinOutputs } from './clones.ts';
import { dividedPrediction, findFeatures, headSignatures } from './frozenPart.ts';
import { headScopes, scopeOf } from './head.ts';
import { addInSituOutputs } from './inSituOutputs.ts';
import { jointInputs } from './jointBatch.ts';
import { addLayerStatistics } from './layerStatistics.ts';
import { addMovingAverages } from './movingAverages.ts';
import type { OnNan } from './onNan.ts';
import type { OptimizerOptions } from './optimizerOptions.ts';
import { addOptimizer } from './optimizers.ts';
import { predictSignatures, variableSignatures } from './predictionGraph.ts';
import { addReplicas, replicaSignatures } from './replicas.ts';
import { inScopes, learningRateFactors } from './scopes.ts';
import { addUpdateGuard } from './updateGuard.ts';

/** What the graph of a run depends on. */
export interface TrainingGraphOptions extends ClonedNetworkOptions {
  readonly optimizer: OptimizerOptions;
  /** SCOPE=FACTOR of the learning rate; none by default. */
  readonly learningRateScopes?: readonly string[];
  /** Whether each of the workers keeps all variables, rather than parameter servers; not by default. */
  readonly withoutServers?: boolean;
  /** Whether moving averages of the network's variables are kept; not by default. */
  readonly movingAverages?: boolean;
  /** Whether steps behind one that was not finite change variables again; `stop` by default. */
  readonly onNan?: OnNan;
  /** Hs; undefined for the logits, empty to select nothing. */
  readonly selectionLayer: string | undefined;
  /** Hm, in any order. */
  readonly monitoredLayers: readonly string[];
}

/** The graph with its entry points:
 *
 * - `assign`  feeds every variable by its name; output `done`
 * - `read`    outputs every variable by its name
 * - `train`   feeds items as `itemFeeds` has them, labels int32 [n], learning_rate [], dropout_seed int32 [2] and, with monitored layers, monitor_rows
 *             int32 [m] in ascending order, with moving averages moving_average_decay []. Outputs total_loss [], is_finite [], which is 0
 *             when loss or derivatives are not, and no variable was changed, cross_entropy [], output int32 [n], output_probability [n]; with a selection layer
 *             probabilities [n, classes] and scores [scores·n] as `itemScores` packs them; for each
 *             monitored layer LAYER/contribution [m] and either
 *             LAYER/C and LAYER/R [m, h, w] or [m, time], or LAYER/channels [m, units]; and
 *             monitored_input, the monitored items as the network saw them
 * - `train_all_rows`        with monitored layers, as `train` without monitor_rows: all rows of the batch
 * - `train_with_summaries`  as `train`, with the outputs that `decodeStep` understands besides
 * - `features`, `train_head`, `train_head_with_summaries` and `monitor`, with features: see `headSignatures`
 * - with workers, those of `replicaSignatures` in place of `train…`; without parameter servers `train…` that all workers
 *   run at once, each with its part, as `JointBatch` names it, and the number of the step, step []; `shareSignatures`; and
 *   `begun`, which outputs the step [] whose updates began last
 * - `predict` feeds items without augmentation; outputs probabilities [n, classes]
 * - `predict_features` and `predict_head`, with evaluated features: `predict` in two, by way of features [n, …]
 * - `embed`   with a selection layer, the same and embedding [n, …], the values of that layer
 */
export interface TrainingGraph {
  /** What it was built from. */
  readonly options: TrainingGraphOptions;
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

/**
 * Builds the graph of a run.
 *
 * @throws UsageError  for a layer or optimizer that does not exist, or a layer that the loss does
 *                     not depend on
 */
export function buildTrainingGraph(options: TrainingGraphOptions): TrainingGraph {
  const { network, numClasses } = options;
  const cloned = buildClonedNetwork(options);
  const { graph, feeds, clones, loss, joint, variables: modelVariables } = cloned;
  const { items, labels, monitorRows, dropoutSeed } = feeds;
  const learningRate = placeholder(graph, 'float32', [], 'learning_rate');
  const averageDecay = placeholder(graph, 'float32', [], 'moving_average_decay');
  // As in TF-Slim, it also moves the statistics of batch normalisation, and its layers are summarised.
  const first = clones[0]!;
  const { context, endPoints } = first;

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
  // Clones share no tensor that all goes through, and each worker would keep those of all items.
  const features =
    clones.length > 1 || joint !== null
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
  const { workers = 1, withoutServers = false } = options;
  const replicas =
    joint && !withoutServers ? addReplicas(variableGradients, context.updates, joint) : null;
  const reduced =
    joint && withoutServers
      ? addAllReduce(variableGradients, context.updates, loss.total, joint, workers)
      : null;
  const ofAll = replicas ?? reduced;
  const whole = ofAll?.gradients ?? variableGradients;
  const lossOfAll = ofAll?.loss ?? loss.total;
  const together = reduced && {
    received: [
      reduced.loss,
      ...reduced.gradients.map(({ gradient }) => gradient),
      ...reduced.moved.map(({ value }) => value),
    ],
    step: reduced.step,
  };
  const guard = addUpdateGuard(graph, lossOfAll, whole, options.onNan ?? 'stop', together);
  const rated = whole.map(({ variable, gradient }) => ({
    variable,
    gradient: guard.pass(gradient),
    factor: factors.get(variable),
  }));
  const changes = [
    ...addOptimizer(rated, learningRate, options.optimizer),
    ...(ofAll?.moved ?? context.updates).map(({ variable, value }) =>
      graph.withRootScope(scopeOf(variable.name), () =>
        assign(variable, guard.pass(value), { name: 'AssignMovingAvg' }),
      ),
    ),
  ];
  const updates = options.movingAverages
    ? [...changes, ...addMovingAverages(modelVariables, averageDecay, changes)]
    : changes;

  const ownLoss = reduced ? loss.total : lossOfAll;
  const totalLoss = guard.after(ownLoss, updates, 'train/total_loss');
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

  const variables = [...graph.variables.values()].filter(
    (each) => each !== guard.memory && each !== guard.begun,
  );
  const updateInputs = {
    learning_rate: learningRate,
    ...(options.movingAverages ? { moving_average_decay: averageDecay } : {}),
  };
  const inputs = {
    labels,
    dropout_seed: dropoutSeed,
    ...updateInputs,
    ...(reduced && joint ? { ...jointInputs(joint), step: reduced.step } : {}),
  };
  const rowInputs = monitoredLayers.length > 0 ? { ...inputs, monitor_rows: monitorRows } : inputs;
  const common = {
    total_loss: totalLoss,
    is_finite: guard.isFinite,
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
  const trains = {
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
  };
  return {
    options,
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
      ...variableSignatures(graph, variables, guard.memory),
      ...(replicas
        ? replicaSignatures(replicas, trains, loss.total, updateInputs, {
            loss: totalLoss,
            isFinite: guard.isFinite,
          })
        : trains),
      ...(reduced && shareSignatures(graph, variables, guard.memory, workers)),
      ...(guard.begun && { begun: { inputs: {}, outputs: { step: guard.begun.value } } }),
      ...divided,
      ...predicted.signatures,
    },
  };
}
