/** The selected items as a table for TensorBoard's Text tab. */

import type { SelectionRecord } from '../runFiles/selectionFiles.ts';
import { probabilityText, signedText } from '../views/draw/numberText.ts';

/** Rows of a table at most: the rest is in selection.csv. */
const maxRows = 100;

/** What the table tells beside the records. */
export interface SelectionTableOptions {
  /** Hs */
  readonly selectionLayer: string;
  /** Whether an item was not selected in the epoch before. */
  readonly isNew: (item: number) => boolean;
  /** Items with a label that was changed on purpose; undefined when that is not known. */
  readonly plantedErrors: ReadonlySet<number> | undefined;
}

/** Text as a table's cell shows it: without what Markdown takes for marks of its own. */
function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_{}[\]<>()#+\-.!|~]/g, '\\$&');
}

/** The table in Markdown, in rank order. */
export function selectionTable(
  records: readonly SelectionRecord[],
  { selectionLayer, isNew, plantedErrors }: SelectionTableOptions,
): string {
  const columns = ['rank', 'item', 'label', 'output', 'probability', 'S (nats)', 'new'];
  if (plantedErrors !== undefined) columns.push('planted error');
  const rows = records
    .slice(0, maxRows)
    .map((record) => [
      String(record.rank),
      String(record.item),
      cell(record.label),
      cell(record.output),
      probabilityText(record.probability),
      signedText(record.contributions[selectionLayer]!),
      isNew(record.item) ? 'new' : '',
      ...(plantedErrors === undefined ? [] : [plantedErrors.has(record.item) ? 'yes' : '']),
    ]);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const more = records.length - rows.length;
  return [
    line(columns),
    line(columns.map((_, i) => (i < 2 || i === 4 || i === 5 ? '---:' : '---'))),
    ...rows.map(line),
    ...(more > 0 ? ['', `and ${more} more in selection.csv`] : []),
  ].join('\n');
}
