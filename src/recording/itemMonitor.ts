/** Watches selected items: records each encounter, writes Monitoring and Evolution Views. */
import { join } from 'node:path';
import { type Dataset, itemOf } from '../../datasets/dataset.ts';
import type { HostTensor } from '../engines/engine.ts';
import { appendJsonLines } from '../files/jsonLines.ts';
import { MonitoredItems } from '../insitu/monitoredItems.ts';
import { monitoredLayerOf, rowOf } from '../insitu/monitoredLayer.ts';
import type { Batch } from '../preprocessing/batchPipeline.ts';
import type { ViewRenderer } from '../views/viewRenderer.ts';
import type { AnyMonitoringView } from '../views/viewWorker.ts';
import {
  type ColorScale,
  MonitoringHistory,
  type MonitoringHistoryState,
} from './monitoringHistory.ts';
import { reference, type ViewLog } from './viewLog.ts';

/** Name of the file of all encounters in the run's folder. */
export const monitoringFile = 'monitoring.jsonl';

/** Lines of the file that are held back at most. */
const maxHeldLines = 200;

/** A step in which a monitored item was seen, as it is recorded. */
export interface EncounterRecord {
  /** From 1. */
  readonly epoch: number;
  /** Steps done with this one. */
  readonly step: number;
  readonly item: number;
  readonly label: string;
  readonly output: string;
  /** Probability of the output, 0..1. */
  readonly probability: number;
  /** Loss contribution in nats by layer: Hs and all of Hm. */
  readonly contributions: Readonly<Record<string, number>>;
}

/** What an item monitor works with. */
export interface ItemMonitorOptions {
  readonly dataset: Dataset;
  /** Hs */
  readonly selectionLayer: string;
  /** Hm in network order */
  readonly layers: readonly string[];
  readonly maxItems: number;
  readonly colorScale: ColorScale;
  readonly trainDir: string;
  readonly renderer: ViewRenderer;
  readonly views: ViewLog;
}

/** The state that a resumed run goes on from; plain data for the checkpoint. */
export interface ItemMonitorState {
  readonly items: readonly number[];
  /** Contributions at Hm of the items that were seen in this epoch. */
  readonly contributions: readonly (readonly [number, Record<string, number>])[];
  readonly history: MonitoringHistoryState;
}

/** Watches items over a run. */
export class ItemMonitor {
  readonly #options: ItemMonitorOptions;
  readonly #items: MonitoredItems;
  readonly #contributions: Map<number, Record<string, number>>;
  readonly #history: MonitoringHistory;
  /** Encounters at the time of an item's last Evolution View. */
  readonly #drawnCounts = new Map<number, number>();
  #lines: EncounterRecord[] = [];

  constructor(options: ItemMonitorOptions, state?: ItemMonitorState) {
    this.#options = options;
    this.#items = new MonitoredItems(options.maxItems);
    this.#items.add(state?.items ?? []);
    this.#contributions = new Map(state?.contributions);
    this.#history = new MonitoringHistory(options.selectionLayer, options.layers, state?.history);
  }

  /** The state after the last observed step. */
  get state(): ItemMonitorState {
    return {
      items: this.#items.items,
      contributions: [...this.#contributions],
      history: this.#history.state,
    };
  }

  /** Contributions in nats at each layer of Hm, of an item that was seen in this epoch. */
  contributionsOf(itemIndex: number): Readonly<Record<string, number>> | undefined {
    return this.#contributions.get(itemIndex);
  }

  /**
   * Rows of a batch to monitor: what 'train' is fed as monitor_rows, int32 [m]; undefined when no
   * layers are monitored.
   */
  rowsOf(batch: Batch): Int32Array | undefined {
    return this.#options.layers.length === 0 ? undefined : this.#items.rowsOf(batch.itemIndices);
  }

  /**
   * Takes what a training step returned of the monitored rows, and has their views drawn and written.
   *
   * @param contributions  S at Hs of every item, in nats
   */
  async observe(
    batch: Batch,
    rows: Int32Array,
    outputs: Readonly<Record<string, HostTensor>>,
    contributions: ArrayLike<number>,
    epoch: number,
    step: number,
  ): Promise<void> {
    const { dataset, selectionLayer, renderer } = this.#options;
    for (const [index, row] of rows.entries()) {
      await renderer.ready();
      const itemIndex = batch.itemIndices[row]!;
      const layers = this.#options.layers.map((name) => monitoredLayerOf(name, outputs, index));
      const byLayer = Object.fromEntries(layers.map((layer) => [layer.name, layer.contribution]));
      this.#contributions.set(itemIndex, byLayer);
      const seen = {
        itemIndex,
        epoch,
        step,
        label: this.#labelOf(itemIndex),
        output: dataset.classNames[outputs['output']!.data[row]!]!,
        outputProbability: outputs['output_probability']!.data[row]!,
        layers,
        input: rowOf(batch.input, row),
      };
      const contribution = contributions[itemIndex]!;
      this.#history.add({ ...seen, contribution });
      this.#lines.push({
        epoch,
        step,
        item: itemIndex,
        label: seen.label,
        output: seen.output,
        probability: seen.outputProbability,
        contributions: { ...byLayer, [selectionLayer]: contribution },
      });
      await this.#writeMonitoringView(seen);
    }
    if (this.#lines.length >= maxHeldLines) await this.flush();
  }

  /** Begins to watch items, in rank order while there is room, and draws what is due. */
  async endEpoch(step: number, selected: Iterable<number>): Promise<void> {
    this.#items.add(selected);
    this.#contributions.clear();
    // Seldom: each view holds all that the one before held.
    await this.#writeEvolutionViews(
      step,
      (count) => count >= 4 && Number.isInteger(Math.log2(count) / 2),
    );
    await this.flush();
  }

  /** Draws the whole past of each item: the run has ended. */
  async end(step: number): Promise<void> {
    await this.#writeEvolutionViews(step, (count) => count > 0);
    await this.flush();
  }

  /** Hands all records so far to the file system. */
  async flush(): Promise<void> {
    const lines = this.#lines;
    this.#lines = [];
    await appendJsonLines(join(this.#options.trainDir, monitoringFile), lines);
  }

  #labelOf(itemIndex: number): string {
    const { classNames, labels } = this.#options.dataset;
    return classNames[labels[itemIndex]!]!;
  }

  /** "000123 truck": sorts by item, and tells what it is. */
  #nameOf(itemIndex: number): string {
    return `${String(itemIndex).padStart(6, '0')} ${this.#labelOf(itemIndex)}`;
  }

  async #writeMonitoringView(seen: Omit<AnyMonitoringView, 'original'>): Promise<void> {
    const { dataset, renderer, views, layers, colorScale } = this.#options;
    const { itemIndex, step } = seen;
    const maximum = this.#history.scaleMaximumOf(itemIndex, colorScale);
    const view = renderer.renderMonitoringView({
      ...seen,
      ...(maximum === undefined ? {} : { colorScaleMaximum: maximum }),
      history: this.#history.seriesOf(itemIndex),
      original: await itemOf(dataset, itemIndex),
    });
    const description = `Item ${itemIndex}, labelled ${seen.label}: where it adds to the loss (C) and where it reduces it (R) at ${layers.join(', ')}, and its loss contribution S over the steps, in nats. ${reference}.`;
    views.write(step, `Monitoring View/${this.#nameOf(itemIndex)}`, description, view);
  }

  async #writeEvolutionViews(step: number, isDue: (count: number) => boolean): Promise<void> {
    const { dataset, selectionLayer, layers, renderer, views, colorScale } = this.#options;
    for (const itemIndex of this.#history.itemIndices) {
      const count = this.#history.countOf(itemIndex);
      if (!isDue(count) || this.#drawnCounts.get(itemIndex) === count) continue;
      this.#drawnCounts.set(itemIndex, count);
      await renderer.ready();
      const label = this.#labelOf(itemIndex);
      const view = renderer.renderEvolutionView({
        ...(dataset.kind === 'texts' ? { text: dataset.texts[itemIndex]! } : {}),
        itemIndex,
        label,
        selectionLayer,
        layers,
        encounters: this.#history.encountersOf(itemIndex),
        encounterCount: count,
        history: this.#history.seriesOf(itemIndex),
        isScaleShared: colorScale !== 'view',
      });
      const description = `Item ${itemIndex}, labelled ${label}: C and R at ${layers.join(', ')} over the whole training, a row for each of at most ten encounters. ${reference}.`;
      // In lower case, so that the sections of the other two views stay the first, which are open.
      views.write(step, `evolution/${this.#nameOf(itemIndex)}`, description, view);
    }
  }
}
