/** Reads `items.csv` back: every item with every score, as a training run leaves it. */
import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { csvFields } from '../files/csv.ts';
import { itemColumns } from './itemsFile.ts';

/** One item. */
export interface ScoredItem {
  /** Index in the order of the source. */
  readonly item: number;
  /** Where the item is; empty where its data set has no files. */
  readonly file: string;
  readonly label: string;
  /** The class that the network gave last. */
  readonly output: string;
  readonly suggestedLabel: string;
  /** Mean probability of the suggested label, 0..1; null when the item was not seen. */
  readonly suggestedProbability: number | null;
  /** How often it was seen. */
  readonly epochs: number;
  /** In the order of the table's score names; null where there is none. */
  readonly scores: readonly (number | null)[];
}

/** All items with the names of their scores. */
export interface ScoredItems {
  readonly scoreNames: readonly string[];
  readonly items: readonly ScoredItem[];
}

const numberOrNull = (text: string) => (text === '' ? null : Number(text));

/**
 * Reads a table of items.
 *
 * @param path  of `items.csv`
 * @throws UserError  when it is missing or no such table, naming the line
 */
export async function readScoredItems(path: string): Promise<ScoredItems> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(
      `${path}: cannot be read (${(error as Error).message}); expected the scores that losslens train leaves in its --train_dir.`,
    );
  }
  const [header = '', ...lines] = content.split(/\r?\n/);
  const names = csvFields(header) ?? [];
  if (itemColumns.some((name, i) => names[i] !== name)) {
    throw new UserError(`${path}, line 1: got "${header}"; expected ${itemColumns.join(',')},….`);
  }
  const items = lines.flatMap((line, i): ScoredItem[] => {
    if (line === '') return [];
    const fields = csvFields(line);
    if (fields === null || fields.length !== names.length) {
      throw new UserError(
        `${path}, line ${i + 2}: got "${line}"; expected ${names.length} fields.`,
      );
    }
    const [item, file, label, output, suggestedLabel, probability, epochs, ...scores] = fields;
    return [
      {
        item: Number(item),
        file: file!,
        label: label!,
        output: output!,
        suggestedLabel: suggestedLabel!,
        suggestedProbability: numberOrNull(probability!),
        epochs: Number(epochs),
        scores: scores.map(numberOrNull),
      },
    ];
  });
  return { scoreNames: names.slice(itemColumns.length), items };
}

/**
 * The most suspicious items by one score, those without it left out; ties by item index.
 *
 * @param index  of the score
 * @param first  which end of it is suspicious
 */
export function rankItems(
  items: readonly ScoredItem[],
  index: number,
  first: 'highest' | 'lowest',
  count: number,
): ScoredItem[] {
  const sign = first === 'highest' ? -1 : 1;
  return items
    .filter(({ scores }) => scores[index] !== null)
    .sort((a, b) => sign * (a.scores[index]! - b.scores[index]!) || a.item - b.item)
    .slice(0, count);
}
