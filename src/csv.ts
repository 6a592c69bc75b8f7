/** Comma-separated values. */

function csvField(value: string | number): string {
  const field = String(value);
  return /[",\n\r]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/**
 * Rows as comma-separated values (RFC 4180, lines end in \n).
 *
 * @param header  names of the columns
 */
export function toCsv(
  header: readonly string[],
  rows: Iterable<readonly (string | number)[]>,
): string {
  const lines = [header, ...rows].map((row) => row.map(csvField).join(','));
  return `${lines.join('\n')}\n`;
}
