/** Replaces labels by those of a CSV file, such as a review gives them, and says which items it drops. */
import { readFile } from 'node:fs/promises';
import { UserError } from '../../src/errors.ts';
import { csvFields } from '../../src/files/csv.ts';
import type { Dataset } from '../dataset.ts';

/** Columns that a file must have. */
const requiredColumns = ['item', 'label'] as const;
/** What the column `decision`, where there is one, may say; without a word the label holds. */
const decisions = ['keep', 'relabel', 'drop', ''] as const;

/** What a labels file changes of one item. */
export interface LabelChange {
  readonly itemIndex: number;
  readonly labelBefore: number;
  /** null when the item is dropped: it is not to be trained on. */
  readonly label: number | null;
  /** The whole row by column, for the record: who reviewed it may have noted why and when. */
  readonly row: Readonly<Record<string, string>>;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(`--labels_file: ${path} cannot be read (${(error as Error).message}).`);
  }
}

/**
 * Replaces the labels of some items and leaves out those whose decision is `drop`.
 *
 * @param path    CSV with a header that has the columns item (an index in the source order) and label
 *                (a class name, or its number where no class has a number for a name), in any order
 *                and among others; of these, decision may say `drop`, and then the label may be empty
 * @param onNote  is told when numbers are taken for names that they could be the places of
 * @returns     the data set with these labels and items, and what is changed or dropped in order of the lines
 * @throws UserError  naming the line of an unknown item, label or decision, or of an item that
 *                    comes twice
 */
export async function applyLabelsFile<D extends Dataset>(
  dataset: D,
  path: string,
  onNote: (line: string) => void = () => {},
): Promise<{ dataset: D; changes: readonly LabelChange[] }> {
  const content = await readText(path);
  const [header = '', ...lines] = content.replace(/^\uFEFF/, '').split(/\r?\n/);
  const names = csvFields(header) ?? [];
  if (requiredColumns.some((name) => !names.includes(name))) {
    throw new UserError(`${path}, line 1: got "${header}"; expected the columns item and label.`);
  }
  const byName = new Map(dataset.classNames.map((name, label) => [name, label]));
  // A number that is one class's name and another's place means the name.
  const numbersAreNames = dataset.classNames.some((name) => /^\d+$/.test(name));
  const labels = dataset.labels.slice();
  const lineOfItem = new Map<number, number>();
  const changes: LabelChange[] = [];
  let isTold = false;
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const where = `${path}, line ${i + 2}`;
    const fields = csvFields(line);
    if (fields === null || fields.length !== names.length) {
      throw new UserError(`${where}: got "${line}"; expected ${names.length} fields.`);
    }
    const row = Object.fromEntries(names.map((name, column) => [name, fields[column]!]));
    const item = row['item']!;
    const itemIndex = /^\d+$/.test(item) ? Number(item) : Number.NaN;
    if (!(itemIndex < dataset.size)) {
      throw new UserError(`${where}: got item "${item}"; expected 0 to ${dataset.size - 1}.`);
    }
    const before = lineOfItem.get(itemIndex);
    if (before !== undefined) {
      throw new UserError(`${where}: item ${itemIndex} is in line ${before} already.`);
    }
    lineOfItem.set(itemIndex, i + 2);
    const decision = row['decision'] ?? '';
    if (!decisions.some((known) => known === decision)) {
      throw new UserError(
        `${where}: got decision "${decision}"; expected keep, relabel, drop or nothing.`,
      );
    }
    const labelBefore = labels[itemIndex]!;
    if (decision === 'drop') {
      changes.push({ itemIndex, labelBefore, label: null, row });
      continue;
    }
    const given = row['label']!;
    const isNumber = /^\d+$/.test(given);
    const place = isNumber && !numbersAreNames ? Number(given) : Number.NaN;
    const label = byName.get(given) ?? place;
    if (!(label < dataset.classNames.length)) {
      const known = dataset.classNames.slice(0, 20).join(', ');
      throw new UserError(
        `${where}: got label "${given}"; expected one of ${known}${dataset.classNames.length > 20 ? ', …' : ''}${numbersAreNames ? '' : ', or its number'}.`,
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
    if (labelBefore === label) continue;
    labels[itemIndex] = label;
    changes.push({ itemIndex, labelBefore, label, row });
  }
  const dropped = new Set(changes.filter(({ label }) => label === null).map((c) => c.itemIndex));
  const items = dataset.items.filter((itemIndex) => !dropped.has(itemIndex));
  if (items.length === 0) throw new UserError(`${path}: drops all items; expected one to keep.`);
  return { dataset: { ...dataset, labels, items }, changes };
}
