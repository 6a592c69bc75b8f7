/** The selections as data: `selection.csv` holds the last epoch's, `selections.jsonl` all of them. */
import { join } from 'node:path';
import { toCsv } from '../files/csv.ts';
import { appendJsonLines } from '../files/jsonLines.ts';
import { replaceFile } from '../files/replaceFile.ts';

/** Name of the file of all selections in the run's folder. */
export const selectionsFile = 'selections.jsonl';

/** One selected item, as it is recorded. */
export interface SelectionRecord {
  /** From 1. */
  readonly epoch: number;
  /** Steps done at the end of the epoch. */
  readonly step: number;
  /** From 1, the most suspicious first. */
  readonly rank: number;
  readonly item: number;
  readonly label: string;
  /** The class that the network gave when it saw the item in this epoch. */
  readonly output: string;
  /** Probability of that class, 0..1. */
  readonly probability: number;
  /** Loss contribution in nats by layer: Hs, and Hm where the item was monitored in this epoch. */
  readonly contributions: Readonly<Record<string, number>>;
  /** Value of the score that ranked it (--rank_by). */
  readonly score: number;
}

/**
 * Records one epoch's selection in the files of `folder`: `selection.csv` is replaced, and
 * `selections.jsonl` gets a line for each item when the epoch is complete.
 */
export async function writeSelection(
  folder: string,
  selectionLayer: string,
  records: readonly SelectionRecord[],
  isComplete: boolean,
): Promise<void> {
  const header = [
    'rank',
    'item',
    'label',
    'output',
    'probability',
    'contribution',
    'epoch',
    'step',
    'score',
  ];
  const rows = records.map((record) => [
    record.rank,
    record.item,
    record.label,
    record.output,
    record.probability,
    record.contributions[selectionLayer]!,
    record.epoch,
    record.step,
    record.score,
  ]);
  await replaceFile(join(folder, 'selection.csv'), toCsv(header, rows));
  if (!isComplete) return;
  await appendJsonLines(join(folder, selectionsFile), records);
}
