/** Comma-separated values. */

function csvField(value: string | number): string {
  const field = String(value);
  return /[",\n\r]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/** Rows as comma-separated values (RFC 4180, lines end in \n). */
export function csvRows(rows: Iterable<readonly (string | number)[]>): string {
  let text = '';
  for (const row of rows) text += `${row.map(csvField).join(',')}\n`;
  return text;
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

/**
 * Fields of one line of comma-separated values (RFC 4180), or null when quotes do not match. A field
 * does not go on in the next line: items and class names have no line ends.
 */
export function csvFields(line: string): string[] | null {
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
