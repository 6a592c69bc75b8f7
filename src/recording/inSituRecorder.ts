/** The in situ part of the training loop: selects items, watches them, writes both views. */
import { type Dataset, type Image, type Item, itemOf } from '../../datasets/dataset.ts';
import { scalarSummary, textSummary } from '../events/summaries.ts';
import { averagePrecision, rankItems } from '../insitu/detection.ts';
import { QuotaQueue } from '../insitu/quotaQueue.ts';
import { type Score, scores, suspicion, suspicions } from '../insitu/scores.ts';
import { ScoreTable } from '../insitu/scoreTable.ts';
import { type SuggestedLabels, suggestedLabels } from '../insitu/suggestedLabels.ts';
import type { StepOutcome } from '../model/stepOutcome.ts';
import type { Batch } from '../preprocessing/batchPipeline.ts';
import { writeItems } from '../runFiles/itemsFile.ts';
import { type SelectionRecord, writeSelection } from '../runFiles/selectionFiles.ts';
import type { ScatterView } from '../views/scatterView.ts';
import type { ViewRenderer } from '../views/viewRenderer.ts';
import { ItemMonitor, type ItemMonitorState } from './itemMonitor.ts';
import type { LostWrites } from './lostWrites.ts';
import type { ColorScale } from './monitoringHistory.ts';
import { type RunLog, reference, viewTags } from './runLog.ts';
import { selectionTable } from './selectionTable.ts';

/** An item in the queue, with what the network said of it when it was offered. */
interface Candidate {
  readonly itemIndex: number;
  readonly label: number;
  /** How suspicious it was to the score that ranks; higher is more. */
  readonly score: number;
  readonly output: number;
  readonly outputProbability: number;
}

/** What the recorder works with. */
export interface InSituOptions {
  readonly dataset: Dataset;
  readonly modelName: string;
  /** Hs */
  readonly selectionLayer: string;
  /** Name of the score that ranks the items. */
  readonly rankBy: string;
  /** Ns */
  readonly capacity: number;
  /** The most selected items of one label; Infinity for no such bound. */
  readonly classQuota: number;
  /** Hm in network order */
  readonly monitoredLayers: readonly string[];
  readonly maxMonitoredItems: number;
  readonly colorScale: ColorScale;
  readonly trainDir: string;
  readonly log: RunLog;
  readonly lost: LostWrites;
  readonly renderer: ViewRenderer;
  /** Items whose label was changed on purpose; undefined without --label_noise. */
  readonly plantedErrors: ReadonlySet<number> | undefined;
}

/** The state that a resumed run goes on from; plain data for the checkpoint. */
export interface InSituState {
  readonly queue: readonly Candidate[];
  readonly previousSelection: readonly number[];
  readonly monitor: ItemMonitorState;
  /** What is gathered of every item, flat arrays by name. */
  readonly items: Readonly<Record<string, Float32Array | Int32Array>>;
}

/** How well the score that ranks finds the planted wrong labels. */
export interface Detection {
  /** Selected items with a planted wrong label. */
  readonly found: number;
  /** found ÷ selected items; null when none is selected, whose scores are no numbers. */
  readonly precision: number | null;
  /** Over all items, 0..1 */
  readonly averagePrecision: number;
}

/** What is reported at an epoch's end. */
export interface Selection {
  readonly records: readonly SelectionRecord[];
  /** How well the selection finds planted errors; undefined without --label_noise. */
  readonly detection: Detection | undefined;
}

type Arrays = Readonly<Record<string, Float32Array | Int32Array>>;

/** Arrays with `part/` before their names, and back. */
function named(part: string, arrays: Arrays): Arrays {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, data]) => [`${part}/${name}`, data]),
  );
}
function partOf(arrays: Arrays, part: string): Arrays {
  return Object.fromEntries(
    Object.entries(arrays)
      .filter(([name]) => name.startsWith(`${part}/`))
      .map(([name, data]) => [name.slice(part.length + 1), data]),
  );
}

/** An item as the Selection View takes it. */
function shownAs(item: Item): { image: Image } | { text: string } {
  return 'text' in item ? { text: item.text } : { image: item };
}

/** Selects and watches items over a run. */
export class InSituRecorder {
  readonly #options: InSituOptions;
  readonly #score: Score;
  readonly #queue: QuotaQueue<Candidate>;
  readonly #monitor: ItemMonitor;
  #previousSelection = new Set<number>();
  readonly #table: ScoreTable;
  readonly #suggested: SuggestedLabels;

  constructor(options: InSituOptions, state?: InSituState) {
    this.#options = options;
    const { size, classNames } = options.dataset;
    this.#score = scores.get(options.rankBy)!;
    this.#queue = new QuotaQueue(options.capacity, options.classQuota);
    this.#monitor = new ItemMonitor(
      {
        ...options,
        layers: options.monitoredLayers,
        maxItems: options.maxMonitoredItems,
      },
      state?.monitor,
    );
    const items = state?.items ?? {};
    this.#table = new ScoreTable(size, partOf(items, 'scores'));
    this.#suggested = suggestedLabels(size, classNames.length, partOf(items, 'outputs'));
    if (state === undefined) return;
    for (const candidate of state.queue) {
      // The run may go on with another --rank_by.
      const score = suspicion(this.#score, this.#table, candidate.itemIndex);
      this.#queue.offer({ ...candidate, score });
    }
    this.#previousSelection = new Set(state.previousSelection);
  }

  /** The state after the last observed step. */
  get state(): InSituState {
    return {
      queue: this.#queue.ranked(),
      previousSelection: [...this.#previousSelection],
      monitor: this.#monitor.state,
      items: {
        ...named('scores', this.#table.state),
        ...named('outputs', this.#suggested.state),
      },
    };
  }

  /** Items of the last selection in rank order. */
  get selected(): number[] {
    return [...this.#previousSelection];
  }

  /** Scores of every item so far. */
  get table(): ScoreTable {
    return this.#table;
  }

  /** Replaces `items.csv`. */
  async writeItems(): Promise<void> {
    const { trainDir, dataset, lost } = this.#options;
    await lost.attempt('versions of items.csv', () =>
      writeItems(trainDir, dataset, this.#table, this.#suggested),
    );
  }

  /**
   * Rows of a batch to monitor: what 'train' is fed as monitor_rows, int32 [m]; undefined when no
   * layers are monitored.
   */
  rowsToMonitor(batch: Batch): Int32Array | undefined {
    return this.#monitor.rowsOf(batch);
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
    outcome: StepOutcome,
    epoch: number,
    step: number,
  ): Promise<void> {
    const { itemIndices, labels } = batch;
    const { output, outputProbability } = outcome;
    const { scores, probabilities } = outcome.selection!;
    this.#table.add({ itemIndices, labels, output, scores });
    this.#suggested.add(itemIndices, probabilities);
    itemIndices.forEach((itemIndex, row) => {
      const label = labels[row]!;
      const score = suspicion(this.#score, this.#table, itemIndex);
      if (!this.#queue.accepts({ itemIndex, label, score })) return;
      this.#queue.offer({
        itemIndex,
        label,
        score,
        output: output[row]!,
        outputProbability: outputProbability[row]!,
      });
    });
    if (rows === undefined) return;
    const contributions = this.#table.last('contribution');
    await this.#monitor.observe(batch, rows, outcome, contributions, epoch, step);
  }

  /** Resolves when all views and records so far are in their files. @throws what went wrong with one */
  async flush(): Promise<void> {
    await this.#monitor.flush();
    await this.#options.log.flush();
  }

  /**
   * Ends an epoch, or what of it was trained: writes the Selection View and its records, begins to
   * monitor the selected items, and empties the queue.
   *
   * @param isComplete  false when the training stopped in the middle of the epoch
   */
  async endEpoch(epoch: number, step: number, isComplete: boolean): Promise<Selection> {
    const { dataset, selectionLayer, trainDir, renderer, plantedErrors, rankBy } = this.#options;
    const { log, lost } = this.#options;
    const contributions = this.#table.last('contribution');
    const selected = this.#queue.ranked();
    const originals = await Promise.all(selected.map((c) => itemOf(dataset, c.itemIndex)));
    const records = selected.map((candidate, i) => this.#record(candidate, i + 1, epoch, step));
    const before = this.#previousSelection;
    const isNew = (itemIndex: number) => before.size > 0 && !before.has(itemIndex);
    const view = renderer.renderSelectionView({
      epoch,
      step,
      selectionLayer,
      rankBy,
      capacity: this.#options.capacity,
      modelName: this.#options.modelName,
      items: selected.map((candidate, i) => ({
        itemIndex: candidate.itemIndex,
        ...shownAs(originals[i]!),
        label: records[i]!.label,
        output: records[i]!.output,
        outputProbability: candidate.outputProbability,
        contribution: contributions[candidate.itemIndex]!,
        isNew: isNew(candidate.itemIndex),
        hasPlantedError: plantedErrors?.has(candidate.itemIndex) ?? false,
      })),
    });
    const meaning = `The ${selected.length} items of an epoch that rank first by ${rankBy}: ${this.#score.help}.`;
    const tag = `${viewTags.selection}/${selectionLayer}`;
    log.writeView(step, tag, `${meaning} ${reference}.`, view);
    log.writeView(
      step,
      `${viewTags.selection}/scatter`,
      'All items: loss contribution and entropy at their last presentation, the selected ones marked.',
      renderer.renderScatterView(this.#scatter(epoch, step, selected)),
    );
    await this.flush();
    const detection = this.#detection(selected);
    const table = selectionTable(records, { selectionLayer, isNew, plantedErrors });
    await log.write(step, [
      textSummary('selection/items', table, { description: meaning }),
      ...(detection === undefined
        ? []
        : [
            ...(detection.precision === null
              ? []
              : [scalarSummary('selection/precision', detection.precision)]),
            scalarSummary('selection/average_precision', detection.averagePrecision),
          ]),
    ]);
    await lost.attempt('selections', () =>
      writeSelection(trainDir, selectionLayer, records, isComplete),
    );
    const indices = selected.map(({ itemIndex }) => itemIndex);
    await this.#monitor.endEpoch(step, indices);
    this.#previousSelection = new Set(indices);
    this.#queue.clear();
    return { records, detection };
  }

  /** Ends the run: draws the past of each monitored item. */
  async end(step: number): Promise<void> {
    await this.#monitor.end(step);
    await this.flush();
  }

  #scatter(epoch: number, step: number, selected: readonly Candidate[]): ScatterView {
    const { dataset, selectionLayer, plantedErrors } = this.#options;
    const seen = dataset.items.filter((item) => this.#table.epochs[item]! > 0);
    const positionOf = new Map(Array.from(seen, (item, position) => [item, position]));
    const positions = (items: Iterable<number>) =>
      Array.from(items, (item) => positionOf.get(item)).filter((at) => at !== undefined);
    const contribution = this.#table.last('contribution');
    const entropy = this.#table.last('entropy');
    return {
      epoch,
      step,
      selectionLayer,
      classes: dataset.classNames.length,
      contribution: Float32Array.from(seen, (item) => contribution[item]!),
      entropy: Float32Array.from(seen, (item) => entropy[item]!),
      selected: positions(selected.map(({ itemIndex }) => itemIndex)),
      planted: plantedErrors && positions(plantedErrors),
    };
  }

  #detection(selected: readonly Candidate[]): Detection | undefined {
    const { plantedErrors } = this.#options;
    if (plantedErrors === undefined) return undefined;
    const found = selected.filter(({ itemIndex }) => plantedErrors.has(itemIndex)).length;
    return {
      found,
      precision: selected.length === 0 ? null : found / selected.length,
      averagePrecision: averagePrecision(
        rankItems(suspicions(this.#score, this.#table)),
        plantedErrors,
      ),
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
        ...this.#monitor.contributionsOf(itemIndex),
        [selectionLayer]: this.#table.last('contribution')[itemIndex]!,
      },
      score: this.#score.value(this.#table, itemIndex),
    };
  }
}
