/** Tables for the terminal and for TensorBoard's Text tab. */

import { printable } from '../terminal.ts';

/** A column: its heading, and whether its cells are numbers, which end at one edge. */
export interface Column {
  readonly heading: string;
  readonly isNumeric?: boolean;
}

/** Columns of even width, two spaces apart, for a font of fixed width. */
export function textTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const lines = [columns.map(({ heading }) => heading), ...rows].map((line) => line.map(printable));
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, i) =>
          columns[i]!.isNumeric ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What Markdown's own marks are written as where a backslash before them would be shown. */
const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '|': '&#124;',
};

/** Text as Markdown shows it, on one line: without what Markdown takes for marks of its own. */
export function markdownText(text: string): string {
  const line = printable(text.replace(/\s+/g, ' '));
  return line.replace(/[\\`*_{}[\]()#+\-.!&<>|]/g, (mark) => entities[mark] ?? `\\${mark}`);
}

/** The same as Markdown, whatever the text of the cells. */
export function markdownTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map(({ heading }) => heading)),
    line(columns.map(({ isNumeric }) => (isNumeric ? '---:' : '---'))),
    ...rows.map((row) =>
      line(row.map((text, i) => (columns[i]!.isNumeric ? text : markdownText(text)))),
    ),
  ].join('\n');
}
