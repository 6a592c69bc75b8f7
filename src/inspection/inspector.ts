/** Looks at items with a network whose weights stay as they are. */
import { dirname } from 'node:path';
import { type Dataset, type Item, itemOf } from '../../datasets/dataset.ts';
import { argMax } from '../argMax.ts';
import { resolveCheckpoint } from '../checkpoint/checkpoints.ts';
import { readLatestVariables } from '../checkpoint/variables.ts';
import type { Engine, Session } from '../engines/engine.ts';
import { networkInput, recordedVocabulary } from '../input/networkInput.ts';
import { monitoredLayerOf, rowOf } from '../insitu/monitoredLayer.ts';
import type { Sighting } from '../insitu/sighting.ts';
import type { NetworkDefinition } from '../nets/network.ts';
import type { ItemInput } from '../preprocessing/itemInput.ts';
import { prepareItems } from '../preprocessing/prepareItems.ts';
import { buildInspectionGraph } from './inspectionGraph.ts';

/** Items that are run at once. */
const batchSize = 32;

/** What is looked at, and how the network was trained. */
export interface InspectorOptions {
  readonly network: NetworkDefinition;
  readonly preprocessing_name: string | undefined;
  readonly use_grayscale: boolean;
  readonly train_image_size: number | undefined;
  readonly max_sequence_length: number | undefined;
  readonly checkpoint_path: string;
  readonly layers: readonly string[];
  /**
   * Items whose batch the others are seen in, so that batch normalisation uses its statistics;
   * undefined to look at each item alone, with the moving statistics.
   */
  readonly batchOf: readonly number[] | undefined;
}

/** One item as the network sees it. */
export interface Inspected extends Omit<Sighting, 'epoch' | 'step'> {
  readonly original: Item;
}

/** A loaded network that items can be looked at with. */
export class Inspector {
  /** Prefix of the checkpoint. */
  readonly checkpoint: string;
  readonly #options: InspectorOptions;
  readonly #dataset: Dataset;
  readonly #input: ItemInput;
  readonly #session: Session;
  /** In network order. */
  readonly #layers: readonly string[];

  private constructor(
    checkpoint: string,
    options: InspectorOptions,
    dataset: Dataset,
    input: ItemInput,
    session: Session,
    layers: readonly string[],
  ) {
    this.checkpoint = checkpoint;
    this.#options = options;
    this.#dataset = dataset;
    this.#input = input;
    this.#session = session;
    this.#layers = layers;
  }

  /**
   * Loads the network of a checkpoint.
   *
   * @throws UserError  for layers that do not exist, or a checkpoint of another network
   */
  static async load(
    engine: Engine,
    dataset: Dataset,
    options: InspectorOptions,
  ): Promise<Inspector> {
    const input = await networkInput(
      options.network,
      dataset,
      { ...options, imageSize: options.train_image_size },
      async () => recordedVocabulary(dirname(await resolveCheckpoint(options.checkpoint_path))),
    );
    const { graph, signatures, variables, layers } = buildInspectionGraph({
      network: options.network,
      numClasses: dataset.classNames.length,
      input,
      layers: options.layers,
      usesBatchStatistics: options.batchOf !== undefined,
    });
    const { checkpoint, values } = await readLatestVariables(options.checkpoint_path, variables);
    const session = await engine.load(graph, signatures);
    await session.run('assign', values);
    return new Inspector(checkpoint, options, dataset, input, session, layers);
  }

  /** Looks at some items, in the order that they are given in. */
  async *inspect(items: readonly number[]): AsyncGenerator<Inspected, void, undefined> {
    const { batchOf } = this.#options;
    if (batchOf !== undefined) {
      const others = batchOf.filter((itemIndex) => !items.includes(itemIndex));
      yield* this.#inspectBatch([...items, ...others], items.length);
      return;
    }
    for (let first = 0; first < items.length; first += batchSize) {
      const batch = items.slice(first, first + batchSize);
      yield* this.#inspectBatch(batch, batch.length);
    }
  }

  /** Frees the network. */
  async close(): Promise<void> {
    await this.#session.close();
  }

  /** @param count  items of the batch, from its first on, that are looked at */
  async *#inspectBatch(batch: readonly number[], count: number) {
    const { classNames } = this.#dataset;
    const { feeds, labels } = await prepareItems(this.#dataset, batch, this.#input);
    const rows = { data: Int32Array.from({ length: count }, (_, row) => row), shape: [count] };
    const outputs = await this.#session.run('inspect', { ...feeds, labels, rows });
    for (let row = 0; row < count; row++) {
      const itemIndex = batch[row]!;
      const probabilities = rowOf(outputs['probabilities']!, row).data;
      const output = argMax(probabilities);
      yield {
        itemIndex,
        label: classNames[labels.data[row]!]!,
        output: classNames[output]!,
        outputProbability: probabilities[output]!,
        layers: this.#layers.map((name) => monitoredLayerOf(name, outputs, row)),
        input: rowOf(outputs['input']!, row),
        original: await itemOf(this.#dataset, itemIndex),
      } satisfies Inspected;
    }
  }
}
