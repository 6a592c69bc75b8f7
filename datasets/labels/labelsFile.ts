/** Replaces labels by those of a CSV file, such as a review gives them, and says which items it drops. */
import { excerpt, UserError } from '../../src/errors.ts';
import { type CsvRecord, readCsv } from '../../src/files/csv.ts';
import type { Dataset } from '../dataset.ts';
import { placeOf } from '../itemPlaces.ts';
import { comparable } from './classNames.ts';

/** Columns that a file must have. */
const requiredColumns = ['item', 'label'] as const;
/** What the column `decision`, where there is one, may say; without a word the label holds. */
const knownDecisions = ['keep', 'relabel', 'drop', ''] as const;

/** What a labels file says of one item. */
export interface LabelDecision {
  readonly itemIndex: number;
  /** Name of the class that the data give it. */
  readonly labelBefore: string;
  /** Name of its class; null when the item is dropped: it is not to be trained on. */
  readonly label: string | null;
  /** The whole row by column, for the record: who reviewed it may have noted why and when. */
  readonly row: Readonly<Record<string, string>>;
}

/** Whether a decision is other than to keep the label. */
function isChange({ labelBefore, label }: LabelDecision): boolean {
  return label !== labelBefore;
}

/** The last names of a path, such as "cat/7.jpg", whatever system wrote it and composed its letters. */
function lastNames(path: string, count: number): string {
  return path.trim().normalize('NFC').split(/[\\/]/).slice(-count).join('/');
}

/**
 * Compares what a row says of its item, as a review writes it, with the item: its file, of which only
 * the last names count as folders are moved, and else its label. A row that says what the data say
 * changes nothing, whatever it was before.
 *
 * @throws UserError  when the row speaks of another item
 */
function expectSameItem(
  where: string,
  { places }: Dataset,
  { itemIndex, labelBefore, label, row }: LabelDecision,
): void {
  const refuse = (column: string, given: string, found: string) => {
    throw new UserError(
      `${where}: item ${itemIndex} is ${given} by the column ${column}, and ${found} in the data: item numbers mean others, or the data changed. Give the data that the file was made for, or review a run of these; where the numbers are right${column === 'old_label' ? ' (the run that was reviewed had --label_noise)' : ''}, remove the column ${column}.`,
    );
  };
  const file = row['file']?.trim() ?? '';
  const place = places === undefined ? 'in no file' : placeOf(places, itemIndex);
  const hasOwnFile = places?.kind === 'images' && places.images.length[itemIndex] === 0;
  // Of an image its class's folder too: numbered ones may have the same name in each.
  const names = hasOwnFile ? 2 : 1;
  if (file !== '' && lastNames(file, names) !== lastNames(place, names)) {
    refuse('file', excerpt(file), place);
  }
  // It is the image, whatever its label was.
  if (hasOwnFile && file !== '') return;
  const before = row['old_label']?.trim() ?? '';
  if (before !== '' && label !== labelBefore && comparable(before) !== comparable(labelBefore)) {
    refuse('old_label', excerpt(before), labelBefore);
  }
}

/** One row of the file, by column. */
interface Row {
  /** Where it begins, from 1. */
  readonly line: number;
  readonly row: Readonly<Record<string, string>>;
}

/** @throws UserError  when the file cannot be read or lacks a column, or naming the line that is none */
async function readRows(path: string): Promise<Row[]> {
  const read = async (header: readonly string[], records: AsyncIterable<CsvRecord>) => {
    const names = header.map((name) => name.trim());
    if (requiredColumns.some((name) => !names.includes(name))) {
      throw new UserError(
        `${path}: got the columns "${excerpt(String(header))}"; expected item and label among them, separated by commas.`,
      );
    }
    const rows: Row[] = [];
    for await (const { line, fields } of records) {
      rows.push({ line, row: Object.fromEntries(names.map((name, i) => [name, fields[i]!])) });
    }
    return rows;
  };
  return readCsv(path, read, { flag: '--labels_file' });
}

/**
 * Replaces the labels of some items and leaves out those whose decision is `drop`.
 *
 * @param path    CSV with a header that has the columns item (an index in the source order) and label
 *                (a class name, or its number where no class has a number for a name), in any order
 *                and among others; of these, decision may say `drop`, and then the label may be empty
 * @param onNote  is told when numbers are taken for names that they could be the places of
 * @returns     the data set with these labels and items, what was decided in order of the lines, and of
 *              that what drops an item or gives it another label
 * @throws UserError  naming the line of an unknown item, label or decision, or of an item that
 *                    comes twice
 */
export async function applyLabelsFile<D extends Dataset>(
  dataset: D,
  path: string,
  onNote: (line: string) => void = () => {},
): Promise<{ dataset: D; decisions: readonly LabelDecision[]; changes: readonly LabelDecision[] }> {
  const byName = new Map(dataset.classNames.map((name, label) => [name.normalize('NFC'), label]));
  // A number that is one class's name and another's place means the name.
  const numbersAreNames = dataset.classNames.some((name) => /^\d+$/.test(name));
  const labels = dataset.labels.slice();
  const lineOfItem = new Map<number, number>();
  const decisions: LabelDecision[] = [];
  let isTold = false;
  for (const { line, row } of await readRows(path)) {
    const where = `${path}, line ${line}`;
    const item = row['item']!.trim();
    const itemIndex = /^\d+$/.test(item) ? Number(item) : Number.NaN;
    if (!(itemIndex < dataset.size)) {
      throw new UserError(
        `${where}: got item "${excerpt(item)}"; expected 0 to ${dataset.size - 1}.`,
      );
    }
    const before = lineOfItem.get(itemIndex);
    if (before !== undefined) {
      throw new UserError(`${where}: item ${itemIndex} is in line ${before} already.`);
    }
    lineOfItem.set(itemIndex, line);
    const decision = row['decision']?.trim() ?? '';
    if (!knownDecisions.some((known) => known === decision)) {
      throw new UserError(
        `${where}: got decision "${excerpt(decision)}"; expected keep, relabel, drop or nothing.`,
      );
    }
    const labelBefore = dataset.classNames[labels[itemIndex]!]!;
    const decide = (label: string | null) => {
      const decided = { itemIndex, labelBefore, label, row };
      expectSameItem(where, dataset, decided);
      decisions.push(decided);
    };
    if (decision === 'drop') {
      decide(null);
      continue;
    }
    // Spaces may be part of a class's name; most often they are not.
    const written = row['label']!.normalize('NFC');
    const given = byName.has(written) ? written : written.trim();
    const isNumber = /^\d+$/.test(given);
    const place = isNumber && !numbersAreNames ? Number(given) : Number.NaN;
    const label = byName.get(given) ?? place;
    if (!(label < dataset.classNames.length)) {
      const known = dataset.classNames.slice(0, 20).map(excerpt).join(', ');
      throw new UserError(
        `${where}: got label "${excerpt(given)}"; expected one of ${known}${dataset.classNames.length > 20 ? ', …' : ''}${numbersAreNames ? '' : ', or its number'}.`,
      );
    }
    const isAmbiguous =
      isNumber && label !== Number(given) && Number(given) < dataset.classNames.length;
    if (isAmbiguous && !isTold) {
      isTold = true;
      onNote(
        `${where}: takes "${given}" for the class of that name, not for class number ${given} (${dataset.classNames[Number(given)]}); so it does in all lines.`,
      );
    }
    labels[itemIndex] = label;
    decide(dataset.classNames[label]!);
  }
  const dropped = new Set(decisions.filter(({ label }) => label === null).map((d) => d.itemIndex));
  const items = dataset.items.filter((itemIndex) => !dropped.has(itemIndex));
  if (items.length === 0) throw new UserError(`${path}: drops all items; expected one to keep.`);
  return { dataset: { ...dataset, labels, items }, decisions, changes: decisions.filter(isChange) };
}
