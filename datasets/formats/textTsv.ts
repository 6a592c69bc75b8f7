/** Texts in files of tab-separated values: DIR/SPLIT.tsv, a line `label<TAB>text` for each item. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../src/errors.ts';
import type { TextDataset } from '../dataset.ts';
import { readClassNames } from '../labels/classNames.ts';
import { inMemoryTexts } from '../texts.ts';
import { UnknownSplitError } from '../unknownSplitError.ts';

const extension = '.tsv';
/** The split whose labels are the classes where labels.txt does not name them. */
const classSplit = 'train';

/** One line of a file. */
interface Row {
  /** From 1. */
  readonly line: number;
  readonly label: string;
  readonly text: string;
}

/** The first line, from 1, that is not UTF-8. */
function firstBadLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let start = 0;
  for (let line = 1; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    try {
      decoder.decode(bytes.subarray(start, end < 0 ? bytes.length : end));
    } catch {
      return line;
    }
    if (end < 0) return line;
    start = end + 1;
  }
}

async function readRows(path: string): Promise<Row[]> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new UserError(`${path}: cannot be read (${(error as Error).message}).`);
  }
  let content: string;
  try {
    content = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(
      `${path}, line ${firstBadLine(bytes)}: is not UTF-8; expected text in UTF-8. Convert it with iconv.`,
    );
  }
  const rows: Row[] = [];
  for (const [i, line] of content.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const where = `${path}, line ${i + 1}`;
    const tab = line.indexOf('\t');
    const label = line.slice(0, tab).trim();
    const text = line.slice(tab + 1).trim();
    if (tab < 0 || label === '' || text === '') {
      const missing = tab < 0 ? 'no tab' : label === '' ? 'no label' : 'no text';
      throw new UserError(`${where}: has ${missing}; expected label<TAB>text.`);
    }
    rows.push({ line: i + 1, label, text });
  }
  if (rows.length === 0) throw new UserError(`${path}: is empty; expected lines label<TAB>text.`);
  return rows;
}

/** Labels in their order: numbers by size where all are numbers, else by their UTF-16 units. */
function classesOf(rows: readonly Row[]): string[] {
  const labels = [...new Set(rows.map(({ label }) => label))];
  const areNumbers = labels.every((label) => /^-?\d+$/.test(label));
  return areNumbers ? labels.sort((a, b) => Number(a) - Number(b)) : labels.sort();
}

/**
 * Splits of a folder of .tsv files.
 *
 * @throws UserError  when it cannot be read, or has none
 */
export async function textTsvSplits(folder: string): Promise<string[]> {
  let files: string[];
  try {
    files = await readdir(folder);
  } catch (error) {
    throw new UserError(`--dataset_dir: cannot read "${folder}" (${(error as Error).message}).`);
  }
  const splits = files
    .filter((file) => file.endsWith(extension))
    .map((file) => file.slice(0, -extension.length));
  if (splits.length > 0) return splits.sort();
  throw new UserError(
    `${folder}: holds no .tsv file; expected one for each split, such as train.tsv, of lines label<TAB>text.`,
  );
}

/**
 * Reads a split. Classes are those of labels.txt, or else the labels of train.tsv.
 *
 * @throws UnknownSplitError  for a split that has no file, listing those that have
 * @throws UserError  naming the line that has no label or no text, or a label of no class
 */
export async function loadTextTsv(folder: string, split: string): Promise<TextDataset> {
  const splits = await textTsvSplits(folder);
  if (!splits.includes(split)) throw new UnknownSplitError(split, folder, splits);
  const pathOf = (name: string) => join(folder, `${name}${extension}`);
  const rows = await readRows(pathOf(split));
  const named = await readClassNames(folder);
  const namesClasses = split !== classSplit && splits.includes(classSplit);
  const classNames = named ?? classesOf(namesClasses ? await readRows(pathOf(classSplit)) : rows);
  const byName = new Map(classNames.map((name, label) => [name, label]));
  const labels = Int32Array.from(rows, ({ line, label }) => {
    const known = byName.get(label);
    if (known !== undefined) return known;
    const some = classNames.slice(0, 20).join(', ');
    throw new UserError(
      `${pathOf(split)}, line ${line}: got label "${label}"; expected one of ${some}${classNames.length > 20 ? ', …' : ''} (the classes of ${named ? 'labels.txt' : `${classSplit}${extension}`}).`,
    );
  });
  return inMemoryTexts({
    name: 'tsv',
    split,
    classNames,
    labels,
    texts: rows.map(({ text }) => text),
    describeItem: (itemIndex) => `${pathOf(split)}, line ${rows[itemIndex]!.line}`,
  });
}
