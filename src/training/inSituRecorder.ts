/** The in situ part of the training loop: selects items, watches them, writes both views. */
import type { Dataset } from '../../datasets/dataset.ts';
import type { HostTensor } from '../engines/engine.ts';
import type { EventWriter } from '../events/eventWriter.ts';
import { imageSummary, scalarSummary } from '../events/summaries.ts';
import { averagePrecision } from '../insitu/detection.ts';
import { MonitoredItems } from '../insitu/monitoredItems.ts';
import { SelectionQueue } from '../insitu/selectionQueue.ts';
import type { Batch } from '../preprocessing/batchPipeline.ts';
import type { MonitoredLayer } from '../views/monitoringView.ts';
import type { ViewRenderer } from '../views/viewRenderer.ts';
import { type SelectionRecord, writeSelection } from './selectionFiles.ts';

/** An item in the queue, with what the network said of it when it was offered. */
interface Candidate {
  readonly itemIndex: number;
  readonly contribution: number;
  readonly output: number;
  readonly outputProbability: number;
}

/** What the recorder works with. */
export interface InSituOptions {
  readonly dataset: Dataset;
  readonly modelName: string;
  /** Hs */
  readonly selectionLayer: string;
  /** Ns */
  readonly capacity: number;
  /** Hm in network order */
  readonly monitoredLayers: readonly string[];
  readonly maxMonitoredItems: number;
  readonly trainDir: string;
  readonly writer: EventWriter;
  readonly renderer: ViewRenderer;
  /** Items whose label was changed on purpose; undefined without --label_noise. */
  readonly plantedErrors: ReadonlySet<number> | undefined;
}

/** The state that a resumed run goes on from; plain data for the checkpoint. */
export interface InSituState {
  readonly queue: readonly Candidate[];
  readonly monitored: readonly number[];
  readonly previousSelection: readonly number[];
  readonly monitoredContributions: readonly (readonly [number, Record<string, number>])[];
  /** Contribution of every item in this epoch, in nats; NaN before its turn. */
  readonly contributions: Float32Array;
}

/** How well an epoch's contributions find the planted wrong labels. */
export interface Detection {
  /** Selected items with a planted wrong label. */
  readonly found: number;
  /** found ÷ selected items */
  readonly precision: number;
  /** Over all items of the epoch, 0..1 */
  readonly averagePrecision: number;
}

/** What is reported at an epoch's end. */
export interface Selection {
  readonly records: readonly SelectionRecord[];
  /** How well the selection finds planted errors; undefined without --label_noise. */
  readonly detection: Detection | undefined;
}

/** Selects and watches items over a run. */
export class InSituRecorder {
  readonly #options: InSituOptions;
  readonly #queue: SelectionQueue<Candidate>;
  readonly #monitored: MonitoredItems;
  #previousSelection = new Set<number>();
  /** Contributions at Hm of the items that were monitored in this epoch. */
  #monitoredContributions = new Map<number, Record<string, number>>();
  /** Contribution of every item in this epoch; NaN before its turn. */
  readonly #contributions: Float32Array;
  /** Settled when all views so far are with the event writer. */
  #written: Promise<void> = Promise.resolve();

  constructor(options: InSituOptions, state?: InSituState) {
    this.#options = options;
    this.#queue = new SelectionQueue(options.capacity);
    this.#monitored = new MonitoredItems(options.maxMonitoredItems);
    this.#contributions =
      state?.contributions.slice() ?? new Float32Array(options.dataset.size).fill(Number.NaN);
    if (state === undefined) return;
    for (const candidate of state.queue) this.#queue.offer(candidate);
    this.#monitored.add(state.monitored);
    this.#previousSelection = new Set(state.previousSelection);
    this.#monitoredContributions = new Map(state.monitoredContributions);
  }

  /** The state after the last observed step. */
  get state(): InSituState {
    return {
      queue: this.#queue.ranked(),
      monitored: this.#monitored.items,
      previousSelection: [...this.#previousSelection],
      monitoredContributions: [...this.#monitoredContributions],
      contributions: this.#contributions,
    };
  }

  /**
   * Rows of a batch to monitor: what 'train' is fed as monitor_rows, int32 [m]; undefined when no
   * layers are monitored.
   */
  rowsToMonitor(batch: Batch): Int32Array | undefined {
    if (this.#options.monitoredLayers.length === 0) return undefined;
    return this.#monitored.rowsOf(batch.itemIndices);
  }

  /**
   * Takes what a training step returned: offers its items to the selection queue and has the
   * Monitoring Views of the monitored ones drawn and written.
   *
   * @param epoch  from 1
   * @param step   steps done with this one
   */
  async observe(
    batch: Batch,
    rows: Int32Array | undefined,
    outputs: Readonly<Record<string, HostTensor>>,
    epoch: number,
    step: number,
  ): Promise<void> {
    const contributions = outputs['contribution']!.data;
    batch.itemIndices.forEach((itemIndex, row) => {
      const contribution = contributions[row]!;
      this.#contributions[itemIndex] = contribution;
      if (!this.#queue.accepts({ itemIndex, contribution })) return;
      this.#queue.offer({
        itemIndex,
        contribution,
        output: outputs['output']!.data[row]!,
        outputProbability: outputs['output_probability']!.data[row]!,
      });
    });
    for (const [index, row] of rows?.entries() ?? []) {
      await this.#options.renderer.ready();
      await this.#monitor(batch, row, this.#layersOf(outputs, index), outputs, epoch, step);
    }
  }

  /** Resolves when all views so far are with the event writer. @throws what went wrong with one */
  async drained(): Promise<void> {
    await this.#written;
  }

  /**
   * Ends an epoch, or what of it was trained: writes the Selection View and its records, begins to
   * monitor the selected items, and empties the queue.
   *
   * @param isComplete  false when the training stopped in the middle of the epoch
   */
  async endEpoch(epoch: number, step: number, isComplete: boolean): Promise<Selection> {
    const { dataset, selectionLayer, trainDir, renderer, plantedErrors } = this.#options;
    const selected = this.#queue.ranked();
    const originals = await Promise.all(selected.map((c) => dataset.image(c.itemIndex)));
    const records = selected.map((candidate, i) => this.#record(candidate, i + 1, epoch, step));
    const view = renderer.renderSelectionView({
      epoch,
      step,
      selectionLayer,
      capacity: this.#options.capacity,
      modelName: this.#options.modelName,
      items: selected.map((candidate, i) => ({
        itemIndex: candidate.itemIndex,
        image: originals[i]!,
        label: records[i]!.label,
        output: records[i]!.output,
        outputProbability: candidate.outputProbability,
        contribution: candidate.contribution,
        isNew:
          this.#previousSelection.size > 0 && !this.#previousSelection.has(candidate.itemIndex),
        hasPlantedError: plantedErrors?.has(candidate.itemIndex) ?? false,
      })),
    });
    this.#writeView(
      step,
      `Selection View/${selectionLayer}`,
      `The ${selected.length} items with the highest loss contribution at ${selectionLayer} over an epoch.`,
      view,
    );
    await this.drained();
    const detection = this.#detection(selected);
    if (detection !== undefined) {
      await this.#options.writer.write({
        step,
        values: [
          scalarSummary('selection/precision', detection.precision),
          scalarSummary('selection/average_precision', detection.averagePrecision),
        ],
      });
    }
    await writeSelection(trainDir, selectionLayer, records, isComplete);
    this.#monitored.add(selected.map(({ itemIndex }) => itemIndex));
    this.#previousSelection = new Set(selected.map(({ itemIndex }) => itemIndex));
    this.#queue.clear();
    this.#contributions.fill(Number.NaN);
    this.#monitoredContributions.clear();
    return { records, detection };
  }

  #detection(selected: readonly Candidate[]): Detection | undefined {
    const { plantedErrors } = this.#options;
    if (plantedErrors === undefined) return undefined;
    const found = selected.filter(({ itemIndex }) => plantedErrors.has(itemIndex)).length;
    return {
      found,
      precision: found / selected.length,
      averagePrecision: averagePrecision(this.#contributions, plantedErrors),
    };
  }

  #record(candidate: Candidate, rank: number, epoch: number, step: number): SelectionRecord {
    const { dataset, selectionLayer } = this.#options;
    const { itemIndex } = candidate;
    return {
      epoch,
      step,
      rank,
      item: itemIndex,
      label: dataset.classNames[dataset.labels[itemIndex]!]!,
      output: dataset.classNames[candidate.output]!,
      probability: candidate.outputProbability,
      contributions: {
        ...this.#monitoredContributions.get(itemIndex),
        [selectionLayer]: candidate.contribution,
      },
    };
  }

  #layersOf(outputs: Readonly<Record<string, HostTensor>>, index: number): MonitoredLayer[] {
    /** The part of an output [m, …] that belongs to one monitored row. */
    const part = (key: string) => {
      const tensor = outputs[key]!;
      const size = tensor.data.length / tensor.shape[0]!;
      const data = tensor.data.slice(index * size, (index + 1) * size) as Float32Array;
      return { data, shape: tensor.shape.slice(1) };
    };
    return this.#options.monitoredLayers.map((name) => {
      const contribution = outputs[`${name}/contribution`]!.data[index]!;
      if (outputs[`${name}/C`] === undefined) {
        return { name, contribution, channels: part(`${name}/channels`).data };
      }
      const { data, shape } = part(`${name}/C`);
      return {
        name,
        contribution,
        maps: {
          height: shape[0]!,
          width: shape[1]!,
          contributionMap: data,
          reductionMap: part(`${name}/R`).data,
        },
      };
    });
  }

  /** Appends a view to the log once it is drawn; views get there in the order of the calls. */
  #writeView(step: number, tag: string, description: string, view: Promise<Uint8Array>): void {
    const { writer } = this.#options;
    this.#written = Promise.all([view, this.#written]).then(([png]) =>
      writer.write({ step, values: [imageSummary(tag, [png], { description })] }),
    );
    // A failure is reported by drained(), not as an unhandled one before that.
    this.#written.catch(() => {});
  }

  async #monitor(
    batch: Batch,
    row: number,
    layers: MonitoredLayer[],
    outputs: Readonly<Record<string, HostTensor>>,
    epoch: number,
    step: number,
  ): Promise<void> {
    const { dataset, renderer } = this.#options;
    const itemIndex = batch.itemIndices[row]!;
    const label = dataset.classNames[dataset.labels[itemIndex]!]!;
    this.#monitoredContributions.set(
      itemIndex,
      Object.fromEntries(layers.map(({ name, contribution }) => [name, contribution])),
    );
    const [, ...inputShape] = batch.images.shape;
    const inputSize = inputShape.reduce((a, b) => a * b, 1);
    const view = renderer.renderMonitoringView({
      itemIndex,
      epoch,
      step,
      label,
      output: dataset.classNames[outputs['output']!.data[row]!]!,
      outputProbability: outputs['output_probability']!.data[row]!,
      layers,
      input: {
        data: batch.images.data.slice(row * inputSize, (row + 1) * inputSize),
        shape: inputShape as [number, number, number],
      },
      original: await dataset.image(itemIndex),
    });
    const name = `Monitoring View/${String(itemIndex).padStart(6, '0')} ${label}`;
    const description = `Loss contribution (C) and reduction (R) of item ${itemIndex}, label ${label}.`;
    this.#writeView(step, name, description, view);
  }
}
