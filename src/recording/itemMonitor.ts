/** Watches selected items: records each encounter, writes Monitoring and Evolution Views. */
import { join } from 'node:path';
import { type Dataset, itemOf } from '../../datasets/dataset.ts';
import { markdownText } from '../console/textTable.ts';
import { RecordFile } from '../files/recordFile.ts';
import { MonitoredItems } from '../insitu/monitoredItems.ts';
import type { Sighting } from '../insitu/sighting.ts';
import type { StepOutcome } from '../model/stepOutcome.ts';
import type { BatchItems } from '../preprocessing/batchPipeline.ts';
import type { ViewRenderer } from '../views/viewRenderer.ts';
import type { ColorScale } from './colorScale.ts';
import type { LostWrites } from './lostWrites.ts';
import { MonitoringHistory, type MonitoringHistoryState } from './monitoringHistory.ts';
import { type RunLog, reference, viewTags } from './runLog.ts';

/** Name of the file of all encounters in the run's folder. */
export const monitoringFile = 'monitoring.jsonl';

/** Lines of the file that are held back at most. */
const maxHeldLines = 200;

/** A line of the file. */
function recordOf(
  { epoch, step, itemIndex, label, output, outputProbability }: Sighting,
  contributions: Readonly<Record<string, number>>,
) {
  return {
    epoch,
    step,
    item: itemIndex,
    label,
    output,
    probability: outputProbability,
    contributions,
  };
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
  readonly log: RunLog;
  readonly lost: LostWrites;
}

/** The state that a resumed run goes on from; plain data for the checkpoint. */
export interface ItemMonitorState {
  readonly items: readonly number[];
  /** Contributions at Hm of the items that were seen in this epoch. */
  readonly contributions: readonly (readonly [number, Record<string, number>])[];
  readonly history: MonitoringHistoryState;
  /** Of `monitoring.jsonl`; earlier versions did not keep it. */
  readonly fileBytes?: number;
}

/** Watches items over a run. */
export class ItemMonitor {
  readonly #options: ItemMonitorOptions;
  readonly #items: MonitoredItems;
  readonly #contributions: Map<number, Record<string, number>>;
  readonly #history: MonitoringHistory;
  /** Encounters at the time of an item's last Evolution View. */
  readonly #drawnCounts = new Map<number, number>();
  readonly #file: RecordFile;
  #lines: ReturnType<typeof recordOf>[] = [];
  /** Settled when all lines so far are in the file. */
  #written: Promise<void> = Promise.resolve();

  constructor(options: ItemMonitorOptions, state?: ItemMonitorState) {
    this.#options = options;
    this.#items = new MonitoredItems(options.maxItems);
    this.#items.add(state?.items ?? []);
    this.#contributions = new Map(state?.contributions);
    this.#history = new MonitoringHistory(options.selectionLayer, options.layers, state?.history);
    const path = join(options.trainDir, monitoringFile);
    this.#file = new RecordFile(path, options.lost.addDeleted);
  }

  /** Has the records that are there stay: those of steps that are done again are gone. */
  keepRecords(): void {
    this.#file.keep();
  }

  /** The state after the last observed step. */
  get state(): ItemMonitorState {
    return {
      items: this.#items.items,
      contributions: [...this.#contributions],
      history: this.#history.state,
      fileBytes: this.#file.bytes,
    };
  }

  /** Contributions in nats at each layer of Hm, of an item that was seen in this epoch. */
  contributionsOf(itemIndex: number): Readonly<Record<string, number>> | undefined {
    return this.#contributions.get(itemIndex);
  }

  /** Whom to watch, oldest first. */
  get items(): readonly number[] {
    return this.#items.items;
  }

  /** Whether the layers of an item are looked at when it comes by. */
  watches(itemIndex: number): boolean {
    return this.#options.layers.length > 0 && this.#items.has(itemIndex);
  }

  /**
   * Rows of a batch to monitor: what 'train' is fed as monitor_rows, int32 [m]; undefined when no
   * layers are monitored.
   */
  rowsOf(batch: BatchItems): Int32Array | undefined {
    return this.#options.layers.length === 0 ? undefined : this.#items.rowsOf(batch.itemIndices);
  }

  /**
   * Takes what a training step returned of the monitored rows, and has their views drawn and written.
   *
   * @param contributionOf  S of an item at Hs, in nats
   */
  async observe(
    batch: BatchItems,
    rows: Int32Array,
    outcome: StepOutcome,
    contributionOf: (itemIndex: number) => number,
    epoch: number,
    step: number,
  ): Promise<void> {
    const { dataset, selectionLayer, renderer } = this.#options;
    for (const [index, row] of rows.entries()) {
      await renderer.ready();
      const itemIndex = batch.itemIndices[row]!;
      const sighting: Sighting = {
        itemIndex,
        epoch,
        step,
        label: this.#labelOf(itemIndex),
        output: dataset.classNames[outcome.output[row]!]!,
        outputProbability: outcome.outputProbability[row]!,
        ...outcome.monitored[index]!,
      };
      const contribution = contributionOf(itemIndex);
      this.#history.add({ ...sighting, contribution });
      const byLayer = Object.fromEntries(sighting.layers.map((l) => [l.name, l.contribution]));
      this.#contributions.set(itemIndex, byLayer);
      this.#lines.push(recordOf(sighting, { ...byLayer, [selectionLayer]: contribution }));
      await this.#writeMonitoringView(sighting);
    }
    if (this.#lines.length >= maxHeldLines) this.#beginFlush();
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

  /** Resolves when all records so far are with the file system. @throws what is no fault of the disk */
  async flush(): Promise<void> {
    this.#beginFlush();
    await this.#written;
  }

  /** Hands all records so far over; a step does not wait for the disk. */
  #beginFlush(): void {
    const lines = this.#lines;
    this.#lines = [];
    const write = () => this.#file.append(lines);
    this.#written = this.#written.then(() =>
      this.#options.lost.attempt(`lines of ${monitoringFile}`, write, lines.length),
    );
    // A failure is reported by flush(), not as an unhandled one before that.
    this.#written.catch(() => {});
  }

  #labelOf(itemIndex: number): string {
    const { classNames, labels } = this.#options.dataset;
    return classNames[labels[itemIndex]!]!;
  }

  /** "000123 truck": sorts by item, and tells what it is. */
  #nameOf(itemIndex: number): string {
    return `${String(itemIndex).padStart(6, '0')} ${this.#labelOf(itemIndex)}`;
  }

  async #writeMonitoringView(sighting: Sighting): Promise<void> {
    const { dataset, renderer, log, layers, colorScale, lost } = this.#options;
    const { itemIndex, step, label } = sighting;
    const original = await lost.attemptToRead('Monitoring Views', () => itemOf(dataset, itemIndex));
    if (original === undefined) return;
    const maximum = this.#history.scaleMaximumOf(itemIndex, colorScale);
    const view = renderer.renderMonitoringView({
      ...sighting,
      ...(maximum === undefined ? {} : { colorScaleMaximum: maximum }),
      history: this.#history.seriesOf(itemIndex),
      original,
    });
    const description = `Item ${itemIndex}, labelled ${markdownText(label)}: where it adds to the loss (C) and where it reduces it (R) at ${layers.join(', ')}, and its loss contribution S over the steps, in nats. ${reference}.`;
    log.writeView(step, `${viewTags.monitoring}/${this.#nameOf(itemIndex)}`, description, view);
  }

  async #writeEvolutionViews(step: number, isDue: (count: number) => boolean): Promise<void> {
    const { dataset, selectionLayer, layers, renderer, log, colorScale } = this.#options;
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
      const description = `Item ${itemIndex}, labelled ${markdownText(label)}: C and R at ${layers.join(', ')} over the whole training, a row for each of at most ten encounters. ${reference}.`;
      log.writeView(step, `${viewTags.evolution}/${this.#nameOf(itemIndex)}`, description, view);
    }
  }
}
