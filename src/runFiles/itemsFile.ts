/** `items.csv`: every item with every score. */
import { join } from 'node:path';
import type { Dataset } from '../../datasets/dataset.ts';
import { placeOf } from '../../datasets/itemPlaces.ts';
import { csvRows } from '../files/csv.ts';
import { replaceFileByParts } from '../files/replaceFile.ts';
import type { KnownItems } from '../insitu/knownItems.ts';
import { scores } from '../insitu/scores.ts';
import { itemHeader, itemRow } from './scoredItems.ts';

/** Rows that are made into text at once; of more, the garbage collector takes half of the time. */
const rowsPerPart = 256;

/** What the file says of items beside what the network does: plain data. */
export type ListedItems = Pick<Dataset, 'items' | 'labels' | 'classNames' | 'places'>;

/**
 * Replaces `items.csv` in a run's folder: a row for each item in order of the items. Of an item that
 * was not seen yet the columns from output to suggested_probability and the scores are empty.
 */
export async function writeItems(
  folder: string,
  { items, labels, classNames, places }: ListedItems,
  known: KnownItems,
): Promise<void> {
  const { table, suggested } = known;
  const row = (item: number): string[] => {
    const epochs = table.at(item, 'epochs');
    const isSeen = epochs > 0;
    const suggestion = suggested.suggestion(item);
    return itemRow({
      item,
      file: places === undefined ? '' : placeOf(places, item),
      label: classNames[labels[item]!]!,
      output: isSeen ? classNames[table.at(item, 'output')]! : '',
      suggestedLabel: isSeen ? classNames[suggestion.label]! : '',
      suggestedProbability: isSeen ? suggestion.probability : null,
      epochs,
      scores: Array.from(scores.values(), ({ value }) => (isSeen ? value(known, item) : null)),
    });
  };
  const part = (first: number) =>
    csvRows(Array.from(items.subarray(first, first + rowsPerPart), row));
  const firstPart = part(0);
  const parts = function* () {
    yield csvRows([itemHeader(scores.keys())]);
    yield firstPart;
    for (let first = rowsPerPart; first < items.length; first += rowsPerPart) yield part(first);
  };
  // The others are about as long.
  const bytes = Buffer.byteLength(firstPart) * Math.max(1, items.length / rowsPerPart);
  await replaceFileByParts(join(folder, 'items.csv'), parts(), bytes);
}
