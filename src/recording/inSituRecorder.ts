/** The in situ part of the training loop: selects items, watches them, writes both views. */
import { join } from 'node:path';
import { RecordFile } from '../files/recordFile.ts';
import { KnownItems, type KnownItemsState } from '../insitu/knownItems.ts';
import { QuotaQueue } from '../insitu/quotaQueue.ts';
import { type Score, scores, suspicion } from '../insitu/scores.ts';
import { byRank } from '../insitu/selectionQueue.ts';
import type { StepOutcome } from '../model/stepOutcome.ts';
import type { BatchItems } from '../preprocessing/batchPipeline.ts';
import type { ItemsWriter } from '../runFiles/itemsWriter.ts';
import { selectionsFile } from '../runFiles/selectionFiles.ts';
import type { ColorScale } from './colorScale.ts';
import { ItemMonitor, type ItemMonitorState } from './itemMonitor.ts';
import {
  type Candidate,
  logSelection,
  type Selection,
  type SelectionLogOptions,
} from './selectionLog.ts';

/** What the recorder works with. */
export interface InSituOptions extends Omit<SelectionLogOptions, 'selections'> {
  /** The most selected items of one label; Infinity for no such bound. */
  readonly classQuota: number;
  /** Hm in network order */
  readonly monitoredLayers: readonly string[];
  readonly maxMonitoredItems: number;
  readonly colorScale: ColorScale;
  readonly itemsWriter: ItemsWriter;
}

/** The state that a resumed run goes on from; plain data for the checkpoint. */
export interface InSituState {
  readonly queue: readonly Candidate[];
  /** Name of the score that ranks the queue; earlier versions did not keep it. */
  readonly rankBy?: string;
  readonly previousSelection: readonly number[];
  /** Of `selections.jsonl`; earlier versions did not keep it. */
  readonly selectionsBytes?: number;
  readonly monitor: ItemMonitorState;
  /** What is gathered of every item, flat arrays by name. */
  readonly items: Readonly<Record<string, Float32Array | Int32Array>>;
}

type Arrays = Readonly<Record<string, Float32Array | Int32Array>>;

/** Copies that threads can be given without another copy. */
function sharedCopies(arrays: Arrays): Arrays {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, data]) => {
      const memory = new SharedArrayBuffer(data.byteLength);
      const copy = data instanceof Int32Array ? new Int32Array(memory) : new Float32Array(memory);
      copy.set(data);
      return [name, copy];
    }),
  );
}

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

/** Selects and watches items over a run. */
export class InSituRecorder {
  readonly #options: InSituOptions & SelectionLogOptions;
  readonly #score: Score;
  readonly #queue: QuotaQueue<Candidate>;
  readonly #monitor: ItemMonitor;
  #previousSelection = new Set<number>();
  /** Writes the last selection once more, where it could not be written. */
  #writeAgain: (() => Promise<void>) | undefined;
  readonly #known: KnownItems;
  /** Since the last observed step: a checkpoint and items.csv after it are made of the same. */
  #copied: KnownItemsState | undefined;

  constructor(options: InSituOptions, state?: InSituState) {
    const path = join(options.trainDir, selectionsFile);
    const selections = new RecordFile(path, options.lost.addDeleted);
    this.#options = { ...options, selections };
    const { labels, classNames } = options.dataset;
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
    this.#known = new KnownItems(labels, classNames.length, {
      scores: partOf(items, 'scores'),
      suggested: partOf(items, 'outputs'),
    });
    if (state === undefined) return;
    const isSameScore = state.rankBy === options.rankBy;
    for (const candidate of state.queue) {
      this.#queue.offer(isSameScore ? candidate : this.#withScoreOfNow(candidate));
    }
    this.#previousSelection = new Set(state.previousSelection);
  }

  #withScoreOfNow(candidate: Candidate): Candidate {
    return { ...candidate, score: suspicion(this.#score, this.#known, candidate.itemIndex) };
  }

  /** Has the records that are there stay: those of steps that are done again are gone. */
  keepRecords(): void {
    this.#options.selections.keep();
    this.#monitor.keepRecords();
  }

  /** The state after the last observed step; what is kept of all items is copied into shared memory. */
  get state(): InSituState {
    return {
      queue: this.#queue.ranked(),
      rankBy: this.#options.rankBy,
      previousSelection: [...this.#previousSelection],
      selectionsBytes: this.#options.selections.bytes,
      monitor: this.#monitor.state,
      items: {
        ...named('scores', this.#copies.scores),
        ...named('outputs', this.#copies.suggested),
      },
    };
  }

  get #copies(): KnownItemsState {
    const { scores, suggested } = this.#known.state;
    this.#copied ??= { scores: sharedCopies(scores), suggested: sharedCopies(suggested) };
    return this.#copied;
  }

  /** Items of the last selection in rank order. */
  get selected(): number[] {
    return [...this.#previousSelection];
  }

  /** What is known of every item so far. */
  get known(): KnownItems {
    return this.#known;
  }

  /** Has `items.csv` replaced by what is known now. */
  writeItems(): void {
    this.#options.itemsWriter.write(this.#copies);
  }

  /** Resolves when `items.csv` is as it was last wanted, or counts as lost. */
  async itemsWritten(): Promise<void> {
    await this.#options.itemsWriter.finish();
  }

  /** The items that are monitored when they come by. */
  get monitored(): readonly number[] {
    return this.#monitor.items;
  }

  /** Whether an item is monitored when it comes by. */
  isMonitored(itemIndex: number): boolean {
    return this.#monitor.watches(itemIndex);
  }

  /**
   * Rows of a batch to monitor: what 'train' is fed as monitor_rows, int32 [m]; undefined when no
   * layers are monitored.
   */
  rowsToMonitor(batch: BatchItems): Int32Array | undefined {
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
    batch: BatchItems,
    rows: Int32Array | undefined,
    outcome: StepOutcome,
    epoch: number,
    step: number,
  ): Promise<void> {
    const { itemIndices, labels } = batch;
    const { output, outputProbability } = outcome;
    const { scores, probabilities } = outcome.selection!;
    this.#copied = undefined;
    const added = this.#known.add({ itemIndices, labels, output, scores, probabilities });
    for (let row = 0; row < itemIndices.length; row++) {
      if (added[row] === 0) continue;
      const itemIndex = itemIndices[row]!;
      const label = labels[row]!;
      const score = suspicion(this.#score, this.#known, itemIndex);
      if (!this.#queue.accepts({ itemIndex, label, score })) continue;
      this.#queue.offer({
        itemIndex,
        label,
        score,
        output: output[row]!,
        outputProbability: outputProbability[row]!,
      });
    }
    if (rows === undefined) return;
    const contributionOf = (itemIndex: number) => this.#known.table.at(itemIndex, 'contribution');
    await this.#monitor.observe(batch, rows, outcome, contributionOf, epoch, step);
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
    // What came after it may have changed an item's score, where that depends on others: they are listed by the last.
    const selected = this.#queue
      .ranked()
      .map((candidate) => this.#withScoreOfNow(candidate))
      .sort(byRank);
    const selection = await logSelection(this.#options, {
      epoch,
      step,
      isComplete,
      selected,
      before: this.#previousSelection,
      known: this.#known,
      contributionsOf: (itemIndex) => this.#monitor.contributionsOf(itemIndex),
    });
    const indices = selected.map(({ itemIndex }) => itemIndex);
    await this.#monitor.endEpoch(step, indices);
    this.#previousSelection = new Set(indices);
    this.#queue.clear();
    this.#writeAgain = selection.writeAgain;
    return selection;
  }

  /** Ends the run: draws the past of each monitored item, and writes the last selection where that has failed. */
  async end(step: number): Promise<void> {
    const { lost } = this.#options;
    // The selection that the run is to leave: the disk may be in order again.
    if (this.#writeAgain !== undefined) await lost.attemptAgain('selections', this.#writeAgain);
    await this.#monitor.end(step);
    await this.flush();
  }
}
