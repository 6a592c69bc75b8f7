/** `label_changes.csv`: what a labels file changed for a run, when and why, for whoever has to account for it. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { LabelDecision } from '../../datasets/labels/labelsFile.ts';
import { csvRows, readCsv, toCsv } from '../files/csv.ts';
import { replaceFile } from '../files/replaceFile.ts';

/** Name of the file; it can be given to --labels_file. */
export const labelChangesFile = 'label_changes.csv';
/** What a review notes of its decisions: why (the suggestion, the score, a note) and when. */
const reasons = ['suggested_label', 'score_name', 'score', 'note', 'time'] as const;
const header = [
  'item',
  'label_before',
  'label',
  'decision',
  ...reasons.map((name) => (name === 'time' ? 'decided' : name)),
  'source',
  'time',
];

/**
 * Adds what a labels file changes to the record in the run's folder. A resumed run that changes the
 * same adds nothing; rows of before are never changed.
 *
 * @param labelsFile  the file, whose absolute path is recorded
 */
export async function appendLabelChanges(
  trainDir: string,
  labelsFile: string,
  changes: readonly LabelDecision[],
): Promise<void> {
  const path = join(trainDir, labelChangesFile);
  const withoutTime = (fields: readonly (string | number)[]) => csvRows([fields.slice(0, -1)]);
  const known = new Set<string>();
  let before = toCsv(header, []);
  if (existsSync(path)) {
    await readCsv(path, async (_, records) => {
      for await (const { fields } of records) known.add(withoutTime(fields));
    });
    before = await readFile(path, 'utf8');
  }
  const source = resolve(labelsFile);
  const time = new Date().toISOString();
  const rows = changes.map(({ itemIndex, labelBefore, label, row }) => [
    itemIndex,
    labelBefore,
    label ?? '',
    label === null ? 'drop' : 'relabel',
    ...reasons.map((name) => row[name] ?? ''),
    source,
    time,
  ]);
  const added = rows.filter((row) => !known.has(withoutTime(row)));
  if (added.length > 0) await replaceFile(path, `${before.trimEnd()}\n${csvRows(added)}`);
}
