/** An epoch's selection in the log and in files: the Selection View, the scatter plot, a table. */
import { type Dataset, type Image, type Item, itemOf } from '../../datasets/dataset.ts';
import { scalarSummary, textSummary } from '../events/summaries.ts';
import type { RecordFile } from '../files/recordFile.ts';
import { averagePrecision, rankItems } from '../insitu/detection.ts';
import type { KnownItems } from '../insitu/knownItems.ts';
import { scores, suspicions } from '../insitu/scores.ts';
import { type SelectionRecord, writeSelection } from '../runFiles/selectionFiles.ts';
import type { ScatterView } from '../views/scatterView.ts';
import type { ViewRenderer } from '../views/viewRenderer.ts';
import type { LostWrites } from './lostWrites.ts';
import { type RunLog, reference, viewTags } from './runLog.ts';
import { selectionTable } from './selectionTable.ts';

/** What stays the same over a run. */
export interface SelectionLogOptions {
  readonly dataset: Dataset;
  readonly modelName: string;
  /** Hs */
  readonly selectionLayer: string;
  /** Name of the score that ranks the items. */
  readonly rankBy: string;
  /** Ns */
  readonly capacity: number;
  readonly trainDir: string;
  /** `selections.jsonl` */
  readonly selections: RecordFile;
  readonly log: RunLog;
  readonly lost: LostWrites;
  readonly renderer: ViewRenderer;
  /** Items whose label was changed on purpose; undefined without --label_noise. */
  readonly plantedErrors: ReadonlySet<number> | undefined;
}

/** An item in the queue, with what the network said of it when it was offered. */
export interface Candidate {
  readonly itemIndex: number;
  readonly label: number;
  /** How suspicious it was to the score that ranks; higher is more. */
  readonly score: number;
  readonly output: number;
  readonly outputProbability: number;
}

/** An epoch, or what of it was trained. */
export interface SelectedEpoch {
  /** From 1. */
  readonly epoch: number;
  /** Steps done at its end. */
  readonly step: number;
  /** false when the training stopped in the middle of it */
  readonly isComplete: boolean;
  /** In rank order. */
  readonly selected: readonly Candidate[];
  /** Items that the epoch before selected. */
  readonly before: ReadonlySet<number>;
  /** Scores of every item so far. */
  readonly known: KnownItems;
  /** S in nats by layer of Hm, of an item that was monitored in this epoch. */
  readonly contributionsOf: (itemIndex: number) => Readonly<Record<string, number>> | undefined;
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
  /** Writes the records once more, where they could not be written. */
  readonly writeAgain: (() => Promise<void>) | undefined;
}

/** An item as the Selection View takes it. */
function shownAs(item: Item): { image: Image } | { text: string } {
  return 'text' in item ? { text: item.text } : { image: item };
}

/**
 * Draws and writes an epoch's selection: the Selection View, the scatter plot of all items, the table
 * of the selected ones, and their records. Where the original of a selected item cannot be read, there is
 * no Selection View.
 */
export async function logSelection(
  options: SelectionLogOptions,
  ofEpoch: SelectedEpoch,
): Promise<Selection> {
  const { dataset, selectionLayer, rankBy, capacity, modelName, log, renderer } = options;
  const { plantedErrors } = options;
  const { epoch, step, selected, before, known } = ofEpoch;
  const originals = await options.lost.attemptToRead('Selection Views', () =>
    Promise.all(selected.map((c) => itemOf(dataset, c.itemIndex))),
  );
  const records = selected.map((candidate, i) => recordOf(options, ofEpoch, candidate, i + 1));
  const isNew = (itemIndex: number) => before.size > 0 && !before.has(itemIndex);
  const meaning = `The ${selected.length} items of an epoch that ranked first by ${rankBy} when they came by: ${scores.get(rankBy)!.help}.`;
  if (originals !== undefined) {
    const view = renderer.renderSelectionView({
      epoch,
      step,
      selectionLayer,
      rankBy,
      capacity,
      modelName,
      items: selected.map((candidate, i) => ({
        itemIndex: candidate.itemIndex,
        ...shownAs(originals[i]!),
        label: records[i]!.label,
        output: records[i]!.output,
        outputProbability: candidate.outputProbability,
        contribution: known.table.at(candidate.itemIndex, 'contribution'),
        isNew: isNew(candidate.itemIndex),
        hasPlantedError: plantedErrors?.has(candidate.itemIndex) ?? false,
      })),
    });
    const tag = `${viewTags.selection}/${selectionLayer}`;
    log.writeView(step, tag, `${meaning} ${reference}.`, view);
  }
  log.writeView(
    step,
    `${viewTags.selection}/scatter`,
    'All items: loss contribution and entropy at their last presentation, the selected ones marked.',
    renderer.renderScatterView(scatterOf(options, ofEpoch)),
  );
  const detection = detectionOf(options, ofEpoch);
  const text = selectionTable(records, { selectionLayer, isNew, plantedErrors });
  await log.write(step, [
    textSummary('selection/items', text, { description: meaning }),
    ...(detection === undefined || detection.precision === null
      ? []
      : [scalarSummary('selection/precision', detection.precision)]),
    ...(detection === undefined
      ? []
      : [scalarSummary('selection/average_precision', detection.averagePrecision)]),
  ]);
  const write = () =>
    writeSelection(
      options.trainDir,
      selectionLayer,
      records,
      ofEpoch.isComplete ? options.selections : undefined,
    );
  let writeAgain: Selection['writeAgain'] = write;
  await options.lost.attempt('selections', async () => {
    await write();
    writeAgain = undefined;
  });
  return { records, detection, writeAgain };
}

function scatterOf(
  { dataset, selectionLayer, plantedErrors }: SelectionLogOptions,
  { epoch, step, selected, known: { table } }: SelectedEpoch,
): ScatterView {
  const seen = table.seen(dataset.items);
  const positionOf = new Int32Array(table.size).fill(-1);
  for (let position = 0; position < seen.length; position++) positionOf[seen[position]!] = position;
  const positions = (items: Iterable<number>) =>
    Array.from(items, (item) => positionOf[item]!).filter((at) => at >= 0);
  return {
    epoch,
    step,
    selectionLayer,
    classes: dataset.classNames.length,
    contribution: table.column(seen, 'contribution'),
    entropy: table.column(seen, 'entropy'),
    selected: positions(selected.map(({ itemIndex }) => itemIndex)),
    planted: plantedErrors && positions(plantedErrors),
  };
}

function detectionOf(
  { plantedErrors, rankBy }: SelectionLogOptions,
  { selected, known }: SelectedEpoch,
): Detection | undefined {
  if (plantedErrors === undefined) return undefined;
  const found = selected.filter(({ itemIndex }) => plantedErrors.has(itemIndex)).length;
  const ranking = rankItems(suspicions(scores.get(rankBy)!, known));
  return {
    found,
    precision: selected.length === 0 ? null : found / selected.length,
    averagePrecision: averagePrecision(ranking, plantedErrors),
  };
}

function recordOf(
  { dataset, selectionLayer, rankBy }: SelectionLogOptions,
  { epoch, step, known, contributionsOf }: SelectedEpoch,
  { itemIndex, output, outputProbability }: Candidate,
  rank: number,
): SelectionRecord {
  return {
    epoch,
    step,
    rank,
    item: itemIndex,
    label: dataset.classNames[dataset.labels[itemIndex]!]!,
    output: dataset.classNames[output]!,
    probability: outputProbability,
    contributions: {
      ...contributionsOf(itemIndex),
      [selectionLayer]: known.table.at(itemIndex, 'contribution'),
    },
    score: scores.get(rankBy)!.value(known, itemIndex),
  };
}
