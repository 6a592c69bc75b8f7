/** The selections as data: `selection.csv` holds the last epoch's, `selections.jsonl` all of them. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readCsv, toCsv } from '../files/csv.ts';
import { dropLinesAfter, readJsonLines } from '../files/jsonLines.ts';
import type { RecordFile } from '../files/recordFile.ts';
import { replaceFile } from '../files/replaceFile.ts';

/** Name of the file of all selections in the run's folder. */
export const selectionsFile = 'selections.jsonl';

/** Name of the file of the last one. */
const selectionCsv = 'selection.csv';
const columns = [
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

/** Replaces `selection.csv`, the last selection in rank order. */
async function writeSelectionCsv(
  folder: string,
  selectionLayer: string,
  records: readonly SelectionRecord[],
): Promise<void> {
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
  await replaceFile(join(folder, selectionCsv), toCsv(columns, rows));
}

/**
 * Records one epoch's selection: `selection.csv` of `folder` is replaced, and `selections.jsonl` gets a
 * line for each item.
 *
 * @param all  `selections.jsonl`; undefined of an epoch that is not complete
 * @throws UserError  when one cannot be written
 */
export async function writeSelection(
  folder: string,
  selectionLayer: string,
  records: readonly SelectionRecord[],
  all: RecordFile | undefined,
): Promise<void> {
  await writeSelectionCsv(folder, selectionLayer, records);
  await all?.append(records);
}

/**
 * Takes the selections of a run back to the checkpoint that it goes on from: what a killed process
 * recorded of later steps goes, and `selection.csv` is again that of the epoch before.
 *
 * @param step  steps done
 */
export async function restoreSelection(
  folder: string,
  selectionLayer: string,
  step: number,
): Promise<void> {
  const path = join(folder, selectionsFile);
  await dropLinesAfter(path, step);
  const csv = join(folder, selectionCsv);
  if (!((await stepOfCsv(csv)) > step)) return;
  let records: SelectionRecord[] = [];
  for await (const record of readJsonLines(path)) {
    if (!isSelection(record, selectionLayer)) continue;
    if (records[0]?.epoch !== record.epoch) records = [];
    records.push(record);
  }
  if (records.length > 0) await writeSelectionCsv(folder, selectionLayer, records);
  else await rm(csv);
}

/** Whether a line of the file is a record of a layer's selection, and not what others wrote into it. */
function isSelection(record: unknown, selectionLayer: string): record is SelectionRecord {
  const { epoch, contributions } = (record ?? {}) as Partial<SelectionRecord>;
  return typeof epoch === 'number' && contributions?.[selectionLayer] !== undefined;
}

/** The step of the selection in a file; NaN where there is none. */
async function stepOfCsv(path: string): Promise<number> {
  if (!existsSync(path)) return Number.NaN;
  return readCsv(path, async (header, records) => {
    for await (const { fields } of records) return Number(fields[header.indexOf('step')]);
    return Number.NaN;
  });
}
