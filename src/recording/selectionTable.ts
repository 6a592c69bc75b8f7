/** The selected items as a table for TensorBoard's Text tab. */
import { type Column, markdownTable } from '../console/textTable.ts';
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

const columns: readonly Column[] = [
  { heading: 'rank', isNumeric: true },
  { heading: 'item', isNumeric: true },
  { heading: 'label' },
  { heading: 'output' },
  { heading: 'probability', isNumeric: true },
  { heading: 'S (nats)', isNumeric: true },
  { heading: 'new' },
];

/** The table in Markdown, in rank order. */
export function selectionTable(
  records: readonly SelectionRecord[],
  { selectionLayer, isNew, plantedErrors }: SelectionTableOptions,
): string {
  const rows = records
    .slice(0, maxRows)
    .map((record) => [
      String(record.rank),
      String(record.item),
      record.label,
      record.output,
      probabilityText(record.probability),
      signedText(record.contributions[selectionLayer]!),
      isNew(record.item) ? 'new' : '',
      ...(plantedErrors === undefined ? [] : [plantedErrors.has(record.item) ? 'yes' : '']),
    ]);
  const planted = plantedErrors === undefined ? [] : [{ heading: 'planted error' }];
  const table = markdownTable([...columns, ...planted], rows);
  const more = records.length - rows.length;
  return more > 0 ? `${table}\n\nand ${more} more in selection.csv` : table;
}
