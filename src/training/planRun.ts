/** Decides everything about a run before it begins: every error of usage comes from here. */
import type { Dataset } from '../../datasets/dataset.ts';
import { latestCheckpoint, resolveCheckpoint } from '../checkpoint/checkpoints.ts';
import { isWithoutServers } from '../engines/distributed/hosts.ts';
import type { Engine } from '../engines/engine.ts';
import { choosePrecision, type Precision } from '../engines/precision.ts';
import { type SelectedEngine, selectEngine } from '../engines/select.ts';
import { itemsPerStep, stepsPerEpoch } from '../epochs.ts';
import { UsageError } from '../errors.ts';
import { loadEvaluationSplit } from '../evaluation/periodicEvaluation.ts';
import type { Tensor } from '../graph/graph.ts';
import { sizeOf } from '../graph/shape.ts';
import {
  decodedSizeOf,
  networkInput,
  preprocessingNameOf,
  trainingVocabulary,
} from '../input/networkInput.ts';
import type { Split } from '../input/splits.ts';
import { loadTrainingData, type TrainingData } from '../input/trainingData.ts';
import { canKeep, type FeatureStoreOptions, featureBytes } from '../model/featureStore.ts';
import { epsilonOf } from '../model/optimizerOptions.ts';
import { buildTrainingGraph, type TrainingGraph } from '../model/trainingGraph.ts';
import { loadNetwork } from '../nets/factory.ts';
import type { NetworkDefinition } from '../nets/network.ts';
import type { BatchPipelineOptions } from '../preprocessing/batchPipeline.ts';
import { checkPreprocessing, isAugmented } from '../preprocessing/factory.ts';
import type { ItemInput } from '../preprocessing/itemInput.ts';
import { tellOfOtherModule } from '../runFiles/networkModule.ts';
import { type RunRecord, readRunRecord } from '../runFiles/runRecord.ts';
import { learningRateAt } from './learningRate.ts';
import { missingFiles } from './missingFiles.ts';
import type { RunOptions } from './runOptions.ts';
import { findStartingPoint, type StartingPoint } from './startingPoint.ts';

/** What is trained on what: of that, all processes that train one network have the same. */
export interface NetworkPlan {
  /** The flags, with what stands for those that were left out. */
  readonly options: RunOptions;
  readonly network: NetworkDefinition;
  readonly data: TrainingData;
  readonly engine: Engine;
  /** Why this engine, for people. */
  readonly engineReason: string;
  readonly precision: Precision;
  /** How items become what the network takes, for training and evaluations alike. */
  readonly pipeline: Pick<BatchPipelineOptions, 'input' | 'seed'>;
  readonly training: TrainingGraph;
  /** Of all clones and workers together. */
  readonly itemsPerStep: number;
  readonly stepsPerEpoch: number;
  /** Steps after which the training ends; Infinity for never. */
  readonly lastStep: number;
}

/** What a run is going to do. */
export interface RunPlan extends NetworkPlan {
  /** What is kept of each item's way through the frozen part of the network; null for nothing. */
  readonly keptFeatures: FeatureStoreOptions | null;
  /** The same for the items of --eval_split_name. */
  readonly keptEvaluationFeatures: FeatureStoreOptions | null;
  readonly start: StartingPoint;
  /** What --eval_interval_epochs evaluates; null for nothing. */
  readonly evaluationSplit: Split | null;
}

/**
 * Reads data and network, and builds the graph. Nothing is written.
 *
 * @param record      of the run's earlier starts; undefined for none
 * @param selecting   the engine, which loads while the data do
 * @throws UserError  for what the user can mend
 */
export async function planNetwork(
  given: RunOptions,
  record: RunRecord | undefined,
  selecting: Promise<SelectedEngine>,
): Promise<NetworkPlan> {
  // Whatever else is wrong is said first.
  selecting.catch(() => {});
  const network = await loadNetwork(given.model_name);
  const preprocessingName = preprocessingNameOf(network, given);
  checkPreprocessing(preprocessingName, network.takes ?? 'images');
  const data = await loadTrainingData(given);
  const { dataset } = data;
  expectItemsForAll(given, dataset);
  const { engine, reason } = await selecting;
  const precision = await precisionOf(given, engine, record);
  const input = await inputOf(given, network, dataset);
  const training = buildGraph(given, network, dataset, input, precision);
  const options = {
    ...given,
    hs: training.selectionLayer ?? '',
    hm: training.monitoredLayers,
    preprocessing_name: preprocessingName,
    opt_epsilon: epsilonOf(given),
  };
  const perStep = itemsPerStep(options);
  const perEpoch = stepsPerEpoch(dataset.items.length, perStep);
  const lastStep = Math.min(
    options.max_number_of_steps ?? Number.POSITIVE_INFINITY,
    (options.max_number_of_epochs ?? Number.POSITIVE_INFINITY) * perEpoch,
  );
  if (options.learning_rate_decay_type === 'cosine' && lastStep === Number.POSITIVE_INFINITY) {
    throw new UsageError(
      '--learning_rate_decay_type: cosine falls over the whole run; expected --max_number_of_epochs or --max_number_of_steps.',
    );
  }
  return {
    options,
    network,
    data,
    engine,
    engineReason: reason,
    precision,
    pipeline: { input, seed: options.seed },
    training,
    itemsPerStep: perStep,
    stepsPerEpoch: perEpoch,
    lastStep,
  };
}

/** The learning rate of the step after so many. */
export function learningRateAfter(
  step: number,
  { options, data, lastStep }: Pick<NetworkPlan, 'options' | 'data' | 'lastStep'>,
): number {
  const stepsPerEpoch = data.dataset.items.length / itemsPerStep(options);
  return learningRateAt(step, options, { stepsPerEpoch, lastStep });
}

/**
 * Reads everything that a run depends on and decides what it does. Nothing is written.
 *
 * @param selecting   the engine, which loads while the data do
 * @throws UserError  for what the user can mend
 */
export async function planRun(
  given: RunOptions,
  selecting = selectEngine(given),
): Promise<RunPlan> {
  // Whatever else is wrong is said first.
  selecting.catch(() => {});
  const record = await readRunRecord(given.train_dir);
  await tellOfOtherModule(given.train_dir, given.model_name, record);
  const plan = await planNetwork(given, record, selecting);
  const { options, network, training } = plan;
  const { dataset } = plan.data;
  const { input } = plan.pipeline;
  const { train_dir } = options;
  const start = await findStartingPoint(options, training, dataset, record);
  const missing = start.checkpoint && missingFiles(train_dir, start, record !== undefined);
  const evaluationSplit =
    options.eval_interval_epochs === 0
      ? null
      : await loadEvaluationSplit(
          options,
          decodedSizeOf(network, { ...options, imageSize: options.train_image_size }),
          dataset,
        );
  return {
    ...plan,
    keptFeatures:
      isAugmented(input) || options.worker_hosts.length > 0
        ? null
        : await keptFeaturesOf(train_dir, training.features, dataset, input),
    keptEvaluationFeatures:
      evaluationSplit &&
      (await keptFeaturesOf(train_dir, training.evaluatedFeatures, evaluationSplit.dataset, input)),
    start: missing ? { ...start, messages: [...start.messages, missing] } : start,
    evaluationSplit,
  };
}

/** @throws UsageError  when the last step of an epoch has fewer items than there are clones or workers */
function expectItemsForAll(options: RunOptions, { items }: Dataset): void {
  const { num_clones: clones, batch_size, worker_hosts } = options;
  const workers = worker_hosts.length;
  const last = items.length % itemsPerStep(options);
  if (last === 0 || last >= Math.max(clones, workers)) return;
  throw new UsageError(
    last < clones
      ? `--num_clones: got ${clones}, but with --batch_size=${batch_size} the last step of an epoch of ${items.length} items has ${last}; expected one for each clone at least. Give another --batch_size.`
      : `--batch_size: got ${batch_size}, which leaves ${last} of ${items.length} items for the last step of an epoch; expected another one, which leaves some for each of ${workers} workers.`,
  );
}

/** Features of an item that are kept in any case; more, where the item itself has as many numbers. */
const maxFeatures = 4096;

/** What is kept of the features of the items of a split; null when there are none, or no room for them. */
async function keptFeaturesOf(
  folder: string,
  features: Tensor | null,
  { size, items }: Dataset,
  input: ItemInput,
): Promise<FeatureStoreOptions | null> {
  if (features === null) return null;
  const shape = features.shape.slice(1);
  // More take longer to read than a first layer takes to compute.
  if (sizeOf(shape) > Math.max(sizeOf(input.shape), maxFeatures)) return null;
  const kept = {
    shape,
    sourceSize: size,
    items: items.length,
    precision: 'float16',
  } as const;
  return (await canKeep(featureBytes(kept), folder)) ? kept : null;
}

/** What the network takes of each item, as the flags ask for it. */
function inputOf(
  options: RunOptions,
  network: NetworkDefinition,
  dataset: Dataset,
): Promise<ItemInput> {
  const { train_dir, checkpoint_path, vocabulary_size, train_image_size: imageSize } = options;
  return networkInput(network, dataset, { ...options, imageSize }, async () => {
    const own = await latestCheckpoint(train_dir);
    const checkpoint = own ?? (checkpoint_path && (await resolveCheckpoint(checkpoint_path)));
    return trainingVocabulary(checkpoint, dataset, vocabulary_size);
  });
}

/** What is computed in. A run that goes on keeps to what it began with, unless another is asked for. */
async function precisionOf(
  { precision, train_dir }: RunOptions,
  engine: Engine,
  record: RunRecord | undefined,
): Promise<Precision> {
  const goesOn = precision === 'auto' && (await latestCheckpoint(train_dir)) !== undefined;
  return choosePrecision(precision, engine, goesOn ? record?.precision.computeType : undefined);
}

/** The graph that the flags ask for. @throws UsageError when they do not fit together */
function buildGraph(
  options: RunOptions,
  network: NetworkDefinition,
  dataset: Dataset,
  input: ItemInput,
  { computeType }: Precision,
): TrainingGraph {
  const training = buildTrainingGraph({
    network,
    numClasses: dataset.classNames.length,
    input,
    weightDecay: options.weight_decay,
    labelSmoothing: options.label_smoothing,
    computeType,
    optimizer: options,
    trainableScopes: options.trainable_scopes,
    learningRateScopes: options.learning_rate_scopes,
    freezeBatchNorm: options.freeze_batch_norm,
    movingAverages: options.moving_average_decay !== undefined,
    workers: options.sync_replicas ? options.worker_hosts.length || undefined : undefined,
    withoutServers: isWithoutServers({ ps: options.ps_hosts }),
    onNan: options.on_nan,
    selectionLayer: options.hs,
    monitoredLayers: options.hm,
    clones: { count: options.num_clones, onCpu: options.clone_on_cpu ?? false },
  });
  if (training.selectionLayer === null && training.monitoredLayers.length > 0) {
    throw new UsageError(
      '--hm: layers are shown for selected items; expected --hs to select some.',
    );
  }
  return training;
}
