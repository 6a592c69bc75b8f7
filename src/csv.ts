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
