/** A training step on its own, as the benchmarks time it. */
import { loadDataset } from '../datasets/factory.ts';
import type { Engine, HostTensor, Session } from '../src/engines/engine.ts';
import { networkInput } from '../src/input/networkInput.ts';
import { initialValues } from '../src/model/initialValues.ts';
import { optimizerDefaults } from '../src/model/optimizers.ts';
import { buildTrainingGraph, type TrainingGraph } from '../src/model/trainingGraph.ts';
import { getNetwork } from '../src/nets/factory.ts';
import { type Batch, BatchPipeline } from '../src/preprocessing/batchPipeline.ts';
import type { ItemInput } from '../src/preprocessing/itemInput.ts';

/** What a step trains. */
export interface StepOptions {
  readonly modelName: string;
  readonly input: ItemInput;
  /** Hs; without it neither contributions nor scores are computed. */
  readonly selectionLayer?: string;
  /** Hm; of three rows of each batch the maps are fetched. */
  readonly monitoredLayers?: readonly string[];
  readonly computeType?: 'float32' | 'bfloat16';
  /** Coefficient of the L2 penalty; 0 unless given. */
  readonly weightDecay?: number;
}

/** The graph of a step: a network for ten classes, trained with sgd. */
export function stepGraph(options: StepOptions): TrainingGraph {
  const { modelName, input, selectionLayer = '', monitoredLayers = [] } = options;
  return buildTrainingGraph({
    network: getNetwork(modelName),
    numClasses: 10,
    input,
    weightDecay: options.weightDecay ?? 0,
    labelSmoothing: 0,
    computeType: options.computeType ?? 'float32',
    optimizer: { ...optimizerDefaults, optimizer: 'sgd' },
    selectionLayer,
    monitoredLayers,
  });
}

/** What the entry point `train` of such a graph is fed. */
export function stepFeeds(
  { input, labels }: Batch,
  { monitoredLayers = [] }: Pick<StepOptions, 'monitoredLayers'>,
): Record<string, HostTensor> {
  return {
    [input.name]: { data: input.data, shape: input.shape },
    labels: { data: labels, shape: [labels.length] },
    learning_rate: { data: Float32Array.of(0.01), shape: [] },
    dropout_seed: { data: Int32Array.of(0, 0), shape: [2] },
    // As many rows as hold monitored items when 256 of some thousands are watched.
    ...(monitoredLayers.length > 0
      ? { monitor_rows: { data: Int32Array.of(3, 7, 11), shape: [3] } }
      : {}),
  };
}

/** The training step of `stepGraph` in an engine. */
export class TrainingStep {
  readonly session: Session;
  readonly #options: StepOptions;

  private constructor(session: Session, options: StepOptions) {
    this.session = session;
    this.#options = options;
  }

  /** Loads the step into an engine, with the weights of seed 0. */
  static async create(engine: Engine, options: StepOptions): Promise<TrainingStep> {
    const { graph, signatures, variables } = stepGraph(options);
    const session = await engine.load(graph, signatures);
    await session.run('assign', initialValues(variables, 0));
    return new TrainingStep(session, options);
  }

  /** @returns all outputs of the step, of which `total_loss` tells diverging sessions */
  run(batch: Batch): Promise<Record<string, HostTensor>> {
    return this.session.run('train', stepFeeds(batch, this.#options));
  }
}

/** The built-in data set whose items a network takes. */
export function builtInFor(modelName: string): string {
  const network = getNetwork(modelName);
  if (network.takes === 'texts') return 'phrases';
  return network.defaultChannels === 1 ? 'digits' : 'shapes';
}

/** The first batch of a built-in data set, as a network takes it. */
export async function firstBatch(
  datasetName: string,
  modelName: string,
  batchSize: number,
): Promise<{ input: ItemInput; batch: Batch }> {
  const dataset = await loadDataset({ name: datasetName, folder: undefined, split: 'train' });
  const network = getNetwork(modelName);
  const input = await networkInput(network, dataset);
  const pipeline = new BatchPipeline(dataset, {
    preprocessingName: network.preprocessingName,
    isTraining: true,
    input,
    batchSize,
    seed: 0,
    numThreads: 1,
  });
  const { value } = await pipeline.epoch(0).next();
  const batch = value!;
  // The pipeline may fill the memory of a batch anew.
  const kept = { ...batch, input: { ...batch.input, data: batch.input.data.slice() } };
  await pipeline.close();
  return { input, batch: kept };
}
