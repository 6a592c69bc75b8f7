/** Comma-separated values (RFC 4180). */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { stringify } from 'csv-stringify/sync';
import { excerpt, type ReadAdvice, UserError, unreadable } from '../errors.ts';

/** What a spreadsheet takes for the beginning of a formula, behind marks that it is none. */
const formula = /^'*[=+\-@\t\r＝＋－＠]/;

/** A field that no spreadsheet runs: with a mark before what it would take for a formula. */
function inert(field: string | number): string | number {
  if (typeof field === 'number' || !formula.test(field)) return field;
  return Number.isNaN(Number(field)) ? `'${field}` : field;
}

/** The field that was made inert. */
function meant(field: string): string {
  return field.startsWith("'") && formula.test(field) ? field.slice(1) : field;
}

/**
 * Rows as comma-separated values; lines end in \n. Text that a spreadsheet would run as a formula gets an
 * apostrophe before it, which `readCsv` takes away.
 */
export function csvRows(rows: Iterable<readonly (string | number)[]>): string {
  return stringify(Array.from(rows, (row) => row.map(inert)));
}

/**
 * A table as comma-separated values.
 *
 * @param header  names of the columns
 */
export function toCsv(
  header: readonly string[],
  rows: Iterable<readonly (string | number)[]>,
): string {
  return csvRows([header]) + csvRows(rows);
}

/** One record of a file. */
export interface CsvRecord {
  /** Where it begins, from 1. */
  readonly line: number;
  /** As many as the first record has; outer spaces belong to them, marks that they are no formula do not. */
  readonly fields: readonly string[];
}

/** What a record is at most, in bytes: a quote that nothing closes must not take all memory. */
const maxRecordBytes = 2 ** 24;

function lineEndsIn(fields: readonly string[]): number {
  return fields.reduce((count, field) => count + (field.match(/\r\n|\n|\r/g)?.length ?? 0), 0);
}

/** What csv-parse says, in words for people; undefined of what is no fault of the file's content. */
function faultOf(error: unknown): string | undefined {
  if (!(error instanceof CsvError)) return undefined;
  // Its type has the codes with a prefix; one of them comes without.
  switch (error.code.replace(/^CSV_/, '')) {
    case 'QUOTE_NOT_CLOSED':
      return 'opens a quote that nothing closes';
    case 'MAX_RECORD_SIZE':
      return `begins a record of more than ${maxRecordBytes} bytes, as where a quote is not closed`;
    default:
      return 'has a quote inside a field; expected the whole field in quotes, and a quote in it twice';
  }
}

async function* recordsOf(
  path: string,
  advice: ReadAdvice,
): AsyncGenerator<CsvRecord, undefined, undefined> {
  const parser = parse({
    bom: true,
    info: true,
    max_record_size: maxRecordBytes,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    skip_empty_lines: true,
  });
  // What fails on the way comes out of the parser.
  pipeline(createReadStream(path), parser, () => {});
  let columns: number | undefined;
  let before = { lines: 0, empty_lines: 0 };
  let nextLine = 1;
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: string[];
      info: typeof before;
    }>) {
      const emptyLines = info.empty_lines - before.empty_lines;
      const line = nextLine + emptyLines;
      // Of \r\n within quotes it counts two: then they are counted here.
      const isOneLine = info.lines - before.lines === emptyLines + 1;
      nextLine = line + 1 + (isOneLine ? 0 : lineEndsIn(record));
      before = info;
      if (record.length === 1 && record[0]!.trim() === '') continue;
      columns ??= record.length;
      if (record.length !== columns) {
        const got = excerpt(csvRows([record]).trimEnd());
        throw new UserError(`${path}, line ${line}: got "${got}"; expected ${columns} fields.`);
      }
      yield { line, fields: record.map(meant) };
    }
  } catch (error) {
    const fault = faultOf(error);
    if (fault === undefined) throw unreadable(path, error, advice);
    throw new UserError(`${path}, line ${nextLine}: ${fault}.`);
  }
  return undefined;
}

/** @throws UserError  naming a column that comes twice: of its values one would hold without a word */
function expectDistinct(path: string, { line, fields }: CsvRecord): void {
  const known = new Set<string>();
  for (const name of fields.map((field) => field.trim())) {
    if (known.has(name)) {
      throw new UserError(
        `${path}, line ${line}: has the column "${excerpt(name)}" twice; expected each once.`,
      );
    }
    // Spreadsheets leave several that have none.
    if (name !== '') known.add(name);
  }
}

/**
 * Reads a file of comma-separated values record by record, in bounded memory. A byte order mark is
 * taken away, blank lines are skipped, lines may end in \n, \r\n or \r.
 *
 * @param read    gets the first record, empty in an empty file, and those after it; a UserError
 *                ends them that names the line of a record that has not as many fields as the
 *                first, or whose quotes do not match, and one comes before them where that
 *                has a name twice, outer spaces aside
 * @param advice  what a message says when the file cannot be read
 * @returns       what `read` returns
 */
export async function readCsv<T>(
  path: string,
  read: (header: readonly string[], records: AsyncIterable<CsvRecord>) => Promise<T>,
  advice: ReadAdvice = {},
): Promise<T> {
  const records = recordsOf(path, advice);
  try {
    const header = (await records.next()).value;
    if (header !== undefined) expectDistinct(path, header);
    return await read(header?.fields ?? [], records);
  } finally {
    await records.return(undefined);
  }
}
