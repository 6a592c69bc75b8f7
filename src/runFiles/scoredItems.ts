/** The rows of `items.csv`: every item with every score, as a training run leaves it. */
import { excerpt, UserError } from '../errors.ts';
import { readCsv } from '../files/csv.ts';
import { type Ranked, SelectionQueue } from '../insitu/selectionQueue.ts';

/** One item. */
export interface ScoredItem {
  /** Index in the order of the source. */
  readonly item: number;
  /** Where the item is; empty where its data set has no files. */
  readonly file: string;
  /** The class that it is trained on. */
  readonly label: string;
  /** The class that the network gave last; empty when the item was not seen. */
  readonly output: string;
  /** The class of the highest mean probability over the epochs; empty when the item was not seen. */
  readonly suggestedLabel: string;
  /** Mean probability of the suggested label, 0..1; null when the item was not seen. */
  readonly suggestedProbability: number | null;
  /** How often it was seen. */
  readonly epochs: number;
  /** In the order of the table's score names; null where there is none. */
  readonly scores: readonly (number | null)[];
}

/** How the values of a column are written and read. */
interface Kind<T> {
  readonly write: (value: T) => string;
  readonly read: (field: string) => T;
}

const text: Kind<string> = { write: String, read: String };
const whole: Kind<number> = { write: String, read: Number };
/** The digits that float32 holds. */
const digits = 7;

/**
 * A number with as many digits as float32 holds, and no zeros behind them: what
 * `String(Number(value.toPrecision(digits)))` gives, in half of its time.
 */
function shortText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 10 ** digits) return String(value);
  const text = value.toPrecision(digits);
  if (text.includes('e') || !text.includes('.')) return String(Number(text));
  let end = text.length;
  while (text.endsWith('0', end)) end--;
  return text.slice(0, text.endsWith('.', end) ? end - 1 : end);
}

/** Nothing where there is no number. */
const real: Kind<number | null> = {
  write: (value) => (value !== null && Number.isFinite(value) ? shortText(value) : ''),
  read: (field) => (field === '' ? null : Number(field)),
};

type Property = Exclude<keyof ScoredItem, 'scores'>;

function column<P extends Property>(property: P, name: string, kind: Kind<ScoredItem[P]>) {
  const write = (item: ScoredItem) => kind.write(item[property]);
  const read = (field: string) => [property, kind.read(field)] as const;
  return { name, write, read };
}

/** The columns before those of the scores, in their order. */
const columns = [
  column('item', 'item', whole),
  column('file', 'file', text),
  column('label', 'label', text),
  column('output', 'output', text),
  column('suggestedLabel', 'suggested_label', text),
  column('suggestedProbability', 'suggested_probability', real),
  column('epochs', 'epochs', whole),
];

/** The header of a table of items. */
export function itemHeader(scoreNames: Iterable<string>): string[] {
  return [...columns.map(({ name }) => name), ...scoreNames];
}

/** The fields of an item's row, in the order of the header. */
export function itemRow(item: ScoredItem): string[] {
  return [...columns.map(({ write }) => write(item)), ...item.scores.map(real.write)];
}

function readRow(fields: readonly string[]): ScoredItem {
  const values = columns.map(({ read }, i) => read(fields[i]!));
  const scores = fields.slice(columns.length).map(real.read);
  return { ...(Object.fromEntries(values) as Omit<ScoredItem, 'scores'>), scores };
}

/** What items are ranked by. */
export interface Ranking {
  /** Name of the score. */
  readonly name: string;
  /** Which end of it is suspicious. */
  readonly first: 'highest' | 'lowest';
  /** Name of a score of which that of every item is wanted, too. */
  readonly ofAll?: string;
}

/** The most suspicious items by one score, and what they are taken from. */
export interface RankedItems {
  /** Name of the score that ranks. */
  readonly rankedBy: string;
  readonly scoreNames: readonly string[];
  /** Items in the table. */
  readonly total: number;
  /** Those without the score are left out; ties are in order of the items. */
  readonly items: readonly ScoredItem[];
  /** The score `ofAll` of every item that has it, in the order of the table. */
  readonly values: readonly number[];
}

/**
 * Reads the most suspicious items out of a table of any length, keeping of the others the score alone.
 *
 * @param path       of `items.csv`
 * @param count      items at most
 * @param rankingOf  chooses one of the scores that the table has
 * @throws UserError  when it is missing or no such table, naming the line
 */
export async function readRankedItems(
  path: string,
  count: number,
  rankingOf: (scoreNames: readonly string[]) => Ranking,
): Promise<RankedItems> {
  const expected = columns.map(({ name }) => name);
  const remedy = 'expected the scores that losslens train leaves in its --train_dir';
  return readCsv(
    path,
    async (header, records) => {
      if (expected.some((name, i) => header[i] !== name)) {
        const isCut = `${expected},`.startsWith(`${header}`);
        const cause = isCut ? ' It ends too early: the file was cut.' : '';
        throw new UserError(
          `${path}, line 1: got "${excerpt(String(header))}"; expected ${expected},….${cause}`,
        );
      }
      const scoreNames = header.slice(expected.length);
      const ranking = rankingOf(scoreNames);
      const scoreColumn = header.indexOf(ranking.name, expected.length);
      const sign = ranking.first === 'highest' ? 1 : -1;
      const queue = new SelectionQueue<Ranked & { readonly fields: readonly string[] }>(count);
      const { ofAll = ranking.name } = ranking;
      const ofAllColumn = header.indexOf(ofAll, expected.length);
      const values: number[] = [];
      let total = 0;
      for await (const { line, fields } of records) {
        total++;
        const [item] = fields;
        const score = fields[scoreColumn]!;
        const value = fields[ofAllColumn]!;
        if (!/^\d+$/.test(item!) || [score, value].some((text) => Number.isNaN(Number(text)))) {
          const isScore = Number.isNaN(Number(value)) && !Number.isNaN(Number(score));
          const [name, got] = isScore ? [ofAll, value] : [ranking.name, score];
          throw new UserError(
            `${path}, line ${line}: got item "${excerpt(item!)}" with "${excerpt(got)}" as ${name}; expected numbers.`,
          );
        }
        if (value !== '') values.push(Number(value));
        if (score !== '') {
          queue.offer({ itemIndex: Number(item), score: sign * Number(score), fields });
        }
      }
      const items = queue.ranked().map(({ fields }) => readRow(fields));
      return { rankedBy: ranking.name, scoreNames, total, items, values };
    },
    { remedy },
  );
}
