/** `label_changes.csv`: what a labels file changed for a run, when and why, for whoever has to account for it. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { LabelChange } from '../../datasets/labels/labelsFile.ts';
import { toCsv } from '../files/csv.ts';
import { replaceFile } from '../files/replaceFile.ts';

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
  changes: readonly LabelChange[],
  classNames: readonly string[],
): Promise<void> {
  const path = join(trainDir, 'label_changes.csv');
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return toCsv(header, []);
    throw error;
  });
  const withoutTime = (line: string) => line.slice(0, line.lastIndexOf(','));
  const known = new Set(before.split('\n').map(withoutTime));
  const source = resolve(labelsFile);
  const time = new Date().toISOString();
  const rows = changes.map(({ itemIndex, labelBefore, label, row }) => [
    itemIndex,
    classNames[labelBefore]!,
    label === null ? '' : classNames[label]!,
    label === null ? 'drop' : 'relabel',
    ...reasons.map((name) => row[name] ?? ''),
    source,
    time,
  ]);
  const [, ...lines] = toCsv(header, rows).trimEnd().split('\n');
  const added = lines.filter((line) => !known.has(withoutTime(line)));
  if (added.length > 0) await replaceFile(path, `${[before.trimEnd(), ...added].join('\n')}\n`);
}
