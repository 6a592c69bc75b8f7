/** A training step on its own, as the benchmarks time it. */
import type { Dataset } from '../datasets/dataset.ts';
import { loadDataset } from '../datasets/factory.ts';
import type { Engine, HostTensor, Session, Signature, Signatures } from '../src/engines/engine.ts';
import { networkInput } from '../src/input/networkInput.ts';
import { initialValues } from '../src/model/initialValues.ts';
import { optimizerDefaults } from '../src/model/optimizerOptions.ts';
import { buildTrainingGraph, type TrainingGraph } from '../src/model/trainingGraph.ts';
import { loadNetwork } from '../src/nets/factory.ts';
import { type Batch, BatchPipeline } from '../src/preprocessing/batchPipeline.ts';
import type { ItemInput } from '../src/preprocessing/itemInput.ts';

/** Rows of each batch that are monitored: as many as there are when 256 of some thousands are watched. */
const someRows = Int32Array.of(3, 7, 11);

/** What a step trains. */
export interface StepOptions {
  readonly modelName: string;
  readonly input: ItemInput;
  /** Hs; without it neither contributions nor scores are computed. */
  readonly selectionLayer?: string;
  /** Hm */
  readonly monitoredLayers?: readonly string[];
  /** Whether all items of each batch are monitored, not three. */
  readonly monitorsAllRows?: boolean | undefined;
  readonly computeType?: 'float32' | 'bfloat16';
  /** Coefficient of the L2 penalty; 0 unless given. */
  readonly weightDecay?: number;
  /** Entry points in place of those that the graph comes with. */
  readonly entryPoints?: (training: TrainingGraph) => Signatures;
}

/** The graph of a step: a network for ten classes, trained with sgd. */
export async function stepGraph(options: StepOptions): Promise<TrainingGraph> {
  const { modelName, input, selectionLayer = '', monitoredLayers = [] } = options;
  return buildTrainingGraph({
    network: await loadNetwork(modelName),
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

/** What an entry point that trains is fed. */
export function stepFeeds(
  { feeds, labels }: Batch,
  { inputs }: Signature,
): Record<string, HostTensor> {
  return {
    ...feeds,
    labels: { data: labels, shape: [labels.length] },
    learning_rate: { data: Float32Array.of(0.01), shape: [] },
    dropout_seed: { data: Int32Array.of(0, 0), shape: [2] },
    ...('monitor_rows' in inputs
      ? { monitor_rows: { data: someRows, shape: [someRows.length] } }
      : {}),
  };
}

/** The training step of `stepGraph` in an engine. */
export class TrainingStep {
  readonly session: Session;
  readonly #entryPoint: 'train' | 'train_all_rows';
  readonly #signature: Signature;

  private constructor(session: Session, signatures: Signatures, monitorsAllRows: boolean) {
    this.session = session;
    this.#entryPoint = monitorsAllRows ? 'train_all_rows' : 'train';
    this.#signature = signatures[this.#entryPoint]!;
  }

  /** Loads the step into an engine, with the weights of seed 0. */
  static async create(engine: Engine, options: StepOptions): Promise<TrainingStep> {
    const training = await stepGraph(options);
    const signatures = options.entryPoints?.(training) ?? training.signatures;
    const session = await engine.load(training.graph, signatures);
    await session.run('assign', initialValues(training.variables, 0));
    return new TrainingStep(session, signatures, options.monitorsAllRows ?? false);
  }

  /** @returns all outputs of the step, of which `total_loss` tells diverging sessions */
  run(batch: Batch): Promise<Record<string, HostTensor>> {
    return this.session.run(this.#entryPoint, stepFeeds(batch, this.#signature));
  }
}

/** A batch, and what a network takes of each item. */
export interface FirstBatch {
  readonly input: ItemInput;
  readonly batch: Batch;
}

/** The built-in data set whose items a network takes. */
export async function builtInFor(modelName: string): Promise<string> {
  const network = await loadNetwork(modelName);
  if (network.takes === 'texts') return 'phrases';
  return network.defaultChannels === 1 ? 'digits' : 'shapes';
}

/** The first batch of a built-in data set, as a network takes it. */
export async function firstBatch(
  datasetName: string,
  modelName: string,
  batchSize: number,
): Promise<FirstBatch> {
  const dataset = await loadDataset({ name: datasetName, folder: undefined, split: 'train' });
  return firstBatchOf(dataset, modelName, batchSize);
}

/** The first batch of a data set, as a network takes it. */
export async function firstBatchOf(
  dataset: Dataset,
  modelName: string,
  batchSize: number,
): Promise<FirstBatch> {
  const network = await loadNetwork(modelName);
  const input = await networkInput(network, dataset);
  const pipeline = new BatchPipeline(dataset, {
    isTraining: true,
    input,
    batchSize,
    seed: 0,
    numThreads: 1,
  });
  const { value } = await pipeline.epoch(0).next();
  const batch = value!;
  // The pipeline may fill the memory of a batch anew.
  const feeds = Object.fromEntries(
    Object.entries(batch.feeds).map(([name, { data, shape }]) => [
      name,
      { data: data.slice(), shape },
    ]),
  );
  const kept = { ...batch, feeds };
  await pipeline.close();
  return { input, batch: kept };
}
