/** Class names in `labels.txt`, as TF-Slim has them: a line `label:name` for each class. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, unreadable } from '../../src/errors.ts';

/** Beside the data of a data set. */
export const classNamesFile = 'labels.txt';

/** The content of `labels.txt`. */
export function formatClassNames(classNames: readonly string[]): string {
  return classNames.map((name, label) => `${label}:${name}\n`).join('');
}

/**
 * Reads DIR/labels.txt. A byte order mark and spaces around lines and names, which editors leave and
 * nobody sees, are no part of a name; lines end as any system ends them.
 *
 * @returns  names by label, or null when there is no such file
 * @throws UserError  naming the line that is wrong, or the label that is missing
 */
export async function readClassNames(folder: string): Promise<readonly string[] | null> {
  const path = join(folder, classNamesFile);
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw unreadable(path, error);
  }
  const names = new Map<number, string>();
  for (const [i, line] of content
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    if (line.trim() === '') continue;
    const [, label, name] = /^\s*(\d+)\s*:\s*(.*\S)\s*$/.exec(line) ?? [];
    if (label === undefined || name === undefined || names.has(Number(label))) {
      throw new UserError(
        `${path}, line ${i + 1}: got "${line}"; expected label:name with each label once.`,
      );
    }
    names.set(Number(label), name);
  }
  return Array.from({ length: names.size }, (_, label) => {
    const name = names.get(label);
    if (name !== undefined) return name;
    throw new UserError(`${path}: label ${label} is missing; expected 0 to ${names.size - 1}.`);
  });
}

/**
 * Labels by class name, for data that know classes by their names.
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
    const other = labels.get(name);
    if (other !== undefined) {
      throw new UserError(
        `${source}: labels ${other} and ${label} are both named ${name}; expected another name for each.`,
      );
    }
    labels.set(name, label);
  }
  return labels;
}
