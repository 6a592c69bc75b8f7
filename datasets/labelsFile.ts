/** Replaces labels by those of a CSV file: rows of `item,label`, such as a review gives them. */
import { readFile } from 'node:fs/promises';
import { UserError } from '../src/errors.ts';
import type { InMemoryDataset } from './inMemory.ts';

/** The header, whose other columns are ignored. */
const columns = ['item', 'label'] as const;

/**
 * Fields of one line of comma-separated values (RFC 4180), or null when quotes do not match.
 * A field does not go on in the next line: items and class names have no line ends.
 */
function splitFields(line: string): string[] | null {
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (let end = false; !end; ) {
    const match = field.exec(line);
    if (match === null) return null;
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2]!.trim());
    end = match[3] === '';
  }
  return fields;
}

/**
 * Replaces the labels of some items.
 *
 * @param path  CSV with a header that has the columns item (an index in the source order) and label
 *              (a class name, or its number), in any order and among others
 * @returns     the data set with these labels, and the number of items whose label is another now
 * @throws UserError  naming the line of an unknown item or label, or of an item that comes twice
 */
export async function applyLabelsFile(
  dataset: InMemoryDataset,
  path: string,
): Promise<{ dataset: InMemoryDataset; changed: number }> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(`--labels_file: ${path} cannot be read (${(error as Error).message}).`);
  }
  const [header = '', ...lines] = content.replace(/^\uFEFF/, '').split(/\r?\n/);
  const names = splitFields(header) ?? [];
  const [itemColumn, labelColumn] = columns.map((name) => names.indexOf(name)) as [number, number];
  if (itemColumn < 0 || labelColumn < 0) {
    throw new UserError(`${path}, line 1: got "${header}"; expected the columns item and label.`);
  }
  const byName = new Map(dataset.classNames.map((name, label) => [name, label]));
  const labels = dataset.labels.slice();
  const lineOfItem = new Map<number, number>();
  let changed = 0;
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const where = `${path}, line ${i + 2}`;
    const fields = splitFields(line);
    if (fields === null || fields.length !== names.length) {
      throw new UserError(`${where}: got "${line}"; expected ${names.length} fields.`);
    }
    const item = fields[itemColumn]!;
    const itemIndex = /^\d+$/.test(item) ? Number(item) : Number.NaN;
    if (!(itemIndex < dataset.size)) {
      throw new UserError(`${where}: got item "${item}"; expected 0 to ${dataset.size - 1}.`);
    }
    const before = lineOfItem.get(itemIndex);
    if (before !== undefined) {
      throw new UserError(`${where}: item ${itemIndex} is in line ${before} already.`);
    }
    lineOfItem.set(itemIndex, i + 2);
    const given = fields[labelColumn]!;
    // A class may have a number for a name: the name comes first.
    const label = byName.get(given) ?? (/^\d+$/.test(given) ? Number(given) : Number.NaN);
    if (!(label < dataset.classNames.length)) {
      const known = dataset.classNames.slice(0, 20).join(', ');
      throw new UserError(
        `${where}: got label "${given}"; expected one of ${known}${dataset.classNames.length > 20 ? ', …' : ''}, or its number.`,
      );
    }
    if (labels[itemIndex] !== label) changed++;
    labels[itemIndex] = label;
  }
  return { dataset: { ...dataset, labels }, changed };
}
