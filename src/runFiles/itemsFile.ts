/** `items.csv`: every item with every score. */
import { join } from 'node:path';
import type { Dataset } from '../../datasets/dataset.ts';
import { csvRows, toCsv } from '../files/csv.ts';
import { replaceFileByParts } from '../files/replaceFile.ts';
import { scores } from '../insitu/scores.ts';
import type { ScoreTable } from '../insitu/scoreTable.ts';
import type { SuggestedLabels } from '../insitu/suggestedLabels.ts';

/** Columns of items.csv before those of the scores. */
export const itemColumns = [
  'item',
  'file',
  'label',
  'output',
  'suggested_label',
  'suggested_probability',
  'epochs',
] as const;

/** Rows that are made into text at once. */
const rowsPerPart = 4096;

/** As many digits as float32 holds, no zeros behind them. */
function numberText(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(7))) : '';
}

/**
 * Replaces `items.csv` in a run's folder: a row for each item in order of the items. Columns: item
 * (index in the split), file (where the data set has files), label (as it is trained on), output (of
 * the last presentation), suggested_label (with the highest mean probability over the epochs) and
 * suggested_probability, epochs (presentations), and the scores. Of an item that was not seen yet the
 * columns from output to suggested_probability and the scores are empty.
 */
export async function writeItems(
  folder: string,
  dataset: Dataset,
  table: ScoreTable,
  suggested: SuggestedLabels,
): Promise<void> {
  const header = [...itemColumns, ...scores.keys()];
  const { classNames } = dataset;
  const row = (item: number): (string | number)[] => {
    const label = classNames[dataset.labels[item]!]!;
    const file = dataset.describeItem?.(item) ?? '';
    const epochs = table.epochs[item]!;
    if (epochs === 0) return [item, file, label, '', '', '', 0, ...Array(scores.size).fill('')];
    const suggestion = suggested.suggestion(item);
    return [
      item,
      file,
      label,
      classNames[table.output[item]!]!,
      classNames[suggestion.label]!,
      numberText(suggestion.probability),
      epochs,
      ...Array.from(scores.values(), ({ value }) => numberText(value(table, item))),
    ];
  };
  const parts = function* () {
    yield toCsv(header, []);
    for (let first = 0; first < dataset.items.length; first += rowsPerPart) {
      yield csvRows(Array.from(dataset.items.subarray(first, first + rowsPerPart), row));
    }
  };
  await replaceFileByParts(join(folder, 'items.csv'), parts());
}
