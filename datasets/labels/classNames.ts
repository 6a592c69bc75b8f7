/** Class names in `labels.txt`, as TF-Slim has them: a line `label:name` for each class. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { excerpt, UserError, unreadable } from '../../src/errors.ts';
import { utf8Line } from '../utf8.ts';

/** Beside the data of a data set. */
export const classNamesFile = 'labels.txt';

/**
 * A name as it is compared with others: without outer spaces, which nobody sees, and with accents
 * as parts of their letters (NFC), which systems and keyboards encode in one way or the other.
 */
export function comparable(name: string): string {
  return name.trim().normalize('NFC');
}

/**
 * The content of `labels.txt`.
 *
 * @throws UserError  for a name that takes more than its line
 */
export function formatClassNames(classNames: readonly string[]): string {
  const wrong = classNames.find((name) => /[\r\n]/.test(name));
  if (wrong !== undefined) {
    throw new UserError(
      `class ${JSON.stringify(wrong)}: has a line break, for which a line of ${classNamesFile} has no room; expected a name of one line. Rename it first.`,
    );
  }
  return classNames.map((name, label) => `${label}:${name}\n`).join('');
}

/**
 * Reads DIR/labels.txt. A byte order mark and spaces around lines and names, which editors leave and
 * nobody sees, are no part of a name; lines end as any system ends them.
 *
 * @returns  names by label, or null when there is no such file
 * @throws UserError  naming the line that is wrong, or the label that is missing, or a name that
 *                    two labels have
 */
export async function readClassNames(folder: string): Promise<readonly string[] | null> {
  const path = join(folder, classNamesFile);
  let content: Buffer;
  try {
    content = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw unreadable(path, error);
  }
  const names = new Map<number, string>();
  // A letter for each byte: no byte of another letter in UTF-8 is that of a line end.
  const lines = content.toString('latin1').split(/\r\n|\n|\r/);
  for (const [i, bytes] of lines.entries()) {
    const line = utf8Line(path, i + 1, Buffer.from(bytes, 'latin1'));
    if (line.trim() === '') continue;
    // Trimmed first: no text makes this take longer than its length.
    const [, label, name] = /^(\d+)\s*:\s*(.+)$/s.exec(line.trim()) ?? [];
    if (label === undefined || name === undefined || names.has(Number(label))) {
      throw new UserError(
        `${path}, line ${i + 1}: got "${excerpt(line)}"; expected label:name with each label once.`,
      );
    }
    names.set(Number(label), name);
  }
  if (names.size === 0) {
    throw new UserError(`${path}: names no class; expected a line label:name for each.`);
  }
  const classNames = Array.from({ length: names.size }, (_, label) => {
    const name = names.get(label);
    if (name !== undefined) return name;
    throw new UserError(`${path}: label ${label} is missing; expected 0 to ${names.size - 1}.`);
  });
  labelsByName(path, classNames);
  return classNames;
}

/**
 * Labels by `comparable` class name, for data that know classes by their names.
 *
 * @param source  that has the names, for the error
 * @throws UserError  for a name that two classes have
 */
export function labelsByName(
  source: string,
  classNames: readonly string[],
): ReadonlyMap<string, number> {
  const labels = new Map<string, number>();
  for (const [label, name] of classNames.entries()) {
    const other = labels.get(comparable(name));
    if (other !== undefined) {
      throw new UserError(
        `${source}: labels ${other} and ${label} are both named ${excerpt(name)}; expected another name for each.`,
      );
    }
    labels.set(comparable(name), label);
  }
  return labels;
}
