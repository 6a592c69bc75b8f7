/** A training step on its own, as the benchmarks time it. */
import { loadDataset } from '../datasets/factory.ts';
import type { Engine, HostTensor, Session } from '../src/engines/engine.ts';
import { networkInput } from '../src/input/networkInput.ts';
import { initialValues } from '../src/model/initialValues.ts';
import { optimizerDefaults } from '../src/model/optimizerOptions.ts';
import { buildTrainingGraph } from '../src/model/trainingGraph.ts';
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
}

/** The training step of a network for ten classes, with sgd. */
export class TrainingStep {
  readonly session: Session;
  readonly #isMonitoring: boolean;

  private constructor(session: Session, isMonitoring: boolean) {
    this.session = session;
    this.#isMonitoring = isMonitoring;
  }

  /** Loads the step into an engine, with the weights of seed 0. */
  static async create(engine: Engine, options: StepOptions): Promise<TrainingStep> {
    const { modelName, input, selectionLayer = '', monitoredLayers = [] } = options;
    const { graph, signatures, variables } = buildTrainingGraph({
      network: getNetwork(modelName),
      numClasses: 10,
      input,
      weightDecay: 0,
      labelSmoothing: 0,
      computeType: options.computeType ?? 'float32',
      optimizer: { ...optimizerDefaults, optimizer: 'sgd' },
      selectionLayer,
      monitoredLayers,
    });
    const session = await engine.load(graph, signatures);
    await session.run('assign', initialValues(variables, 0));
    return new TrainingStep(session, monitoredLayers.length > 0);
  }

  /** @returns all outputs of the step, of which `total_loss` tells diverging sessions */
  run({ feeds, labels }: Batch): Promise<Record<string, HostTensor>> {
    return this.session.run('train', {
      ...feeds,
      labels: { data: labels, shape: [labels.length] },
      learning_rate: { data: Float32Array.of(0.01), shape: [] },
      dropout_seed: { data: Int32Array.of(0, 0), shape: [2] },
      // As many rows as hold monitored items when 256 of some thousands are watched.
      ...(this.#isMonitoring
        ? { monitor_rows: { data: Int32Array.of(3, 7, 11), shape: [3] } }
        : {}),
    });
  }
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
