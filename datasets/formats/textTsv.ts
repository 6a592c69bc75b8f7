/** Texts in files of tab-separated values: DIR/SPLIT.tsv, a line `label<TAB>text` for each item. */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { excerpt, UserError, unreadable } from '../../src/errors.ts';
import type { TextDataset } from '../dataset.ts';
import { classNamesFile, comparable, labelsByName, readClassNames } from '../labels/classNames.ts';
import { inMemoryTexts } from '../texts.ts';
import { utf8Line } from '../utf8.ts';

const extension = '.tsv';
/** The split whose labels are the classes where labels.txt does not name them. */
const classSplit = 'train';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
/** Longer lines are taken for a file of another kind. */
const maxLineBytes = 2 ** 24;

/**
 * The lines of a file, as many at a time as a piece of it has; they end in LF, CR or CR LF.
 *
 * @throws UserError  when it cannot be read
 */
async function* readLines(path: string): AsyncGenerator<Buffer[], void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  let endsInCarriageReturn = false;
  try {
    for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
      // The other half of a line end that the piece before began.
      const isSplit = endsInCarriageReturn && piece[0] === lineFeed;
      const bytes = Buffer.concat([rest, isSplit ? piece.subarray(1) : piece]);
      const lines: Buffer[] = [];
      let start = 0;
      for (let i = rest.length; i < bytes.length; i++) {
        if (bytes[i] !== lineFeed && bytes[i] !== carriageReturn) continue;
        lines.push(bytes.subarray(start, i));
        if (bytes[i] === carriageReturn && bytes[i + 1] === lineFeed) i++;
        start = i + 1;
      }
      rest = bytes.subarray(start);
      if (rest.length > maxLineBytes) throw new Error(`a line of more than ${maxLineBytes} bytes`);
      endsInCarriageReturn = piece.at(-1) === carriageReturn;
      yield lines;
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  if (rest.length > 0) yield [rest];
}

/** A label and the lines that have it. */
interface LabelUse {
  readonly name: string;
  readonly firstLine: number;
  /** Lines. */
  count: number;
}

/** What a file holds. */
interface Rows {
  readonly path: string;
  /** By their `comparable` names, in the order of their first lines. */
  readonly labels: ReadonlyMap<string, LabelUse>;
  /** Lines with a label and a text. */
  readonly count: number;
}

/**
 * Reads a file.
 *
 * @param useRow  is given each line that is not empty, numbered from 1
 * @throws UserError  naming the line that has no label or no text, or is not UTF-8
 */
async function readRows(
  path: string,
  useRow: (label: LabelUse, text: string, line: number) => void,
): Promise<Rows> {
  const labels = new Map<string, LabelUse>();
  let line = 0;
  let count = 0;
  for await (const lines of readLines(path)) {
    for (const bytes of lines) {
      line++;
      const content = utf8Line(path, line, bytes);
      if (content.trim() === '') continue;
      const tab = content.indexOf('\t');
      const name = content.slice(0, tab).trim();
      const text = content.slice(tab + 1).trim();
      if (tab < 0 || name === '' || text === '') {
        const missing = tab < 0 ? 'no tab' : name === '' ? 'no label' : 'no text';
        throw new UserError(`${path}, line ${line}: has ${missing}; expected label<TAB>text.`);
      }
      const key = comparable(name);
      const label = labels.get(key) ?? { name, firstLine: line, count: 0 };
      if (label.count++ === 0) labels.set(key, label);
      useRow(label, text, line);
      count++;
    }
  }
  if (count === 0) throw new UserError(`${path}: is empty; expected lines label<TAB>text.`);
  return { path, labels, count };
}

/** Labels in their order: numbers by size where all are numbers, else by their UTF-16 units. */
function classesOf({ labels }: Rows): string[] {
  const names = Array.from(labels.values(), ({ name }) => name);
  const areNumbers = names.every((name) => /^-?\d+$/.test(name));
  return areNumbers ? names.sort((a, b) => Number(a) - Number(b)) : names.sort();
}

/** Says where the labels of a file do not look like classes. */
function doubtsAbout({ path, labels, count }: Rows): string[] {
  const [first] = labels.values();
  const ofOneLine = [...labels.values()].filter((label) => label.count === 1).length;
  if (count > 2 && ofOneLine > count / 2) {
    return [
      `${path}: has ${labels.size} classes in ${count} lines, ${ofOneLine} of them with one line; expected label<TAB>text. Are the columns swapped?`,
    ];
  }
  return first!.count === 1 && labels.size < count
    ? [
        `${path}, line ${first!.firstLine}: no other line has the label "${first!.name}". If the line names the columns, remove it.`,
      ]
    : [];
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
    throw unreadable(folder, error, { flag: '--dataset_dir' });
  }
  const splits = files
    .filter((file) => file.endsWith(extension) && !file.startsWith('.'))
    .map((file) => file.slice(0, -extension.length));
  if (splits.length > 0) return splits.sort();
  throw new UserError(
    `${folder}: holds no .tsv file; expected one for each split, such as train.tsv, of lines label<TAB>text.`,
  );
}

/**
 * Reads a split, a piece of the file at a time: beside the texts, memory holds 24 bytes an item.
 * Classes are those of labels.txt, or else the labels of train.tsv.
 *
 * @param splits  of the folder
 * @param onNote  is told of what looks wrong in the labels that are taken for classes
 * @throws UserError  naming the line that has no label or no text, or a label of no class
 */
export async function loadTextTsv(
  folder: string,
  split: string,
  splits: readonly string[],
  onNote: (line: string) => void,
): Promise<TextDataset> {
  const pathOf = (name: string) => join(folder, `${name}${extension}`);
  const texts: string[] = [];
  const labelOfItem: LabelUse[] = [];
  const lineOfItem: number[] = [];
  const rows = await readRows(pathOf(split), (label, text, line) => {
    texts.push(text);
    labelOfItem.push(label);
    lineOfItem.push(line);
  });
  const named = await readClassNames(folder);
  const namesClasses = split !== classSplit && splits.includes(classSplit);
  const classRows = namesClasses && !named ? await readRows(pathOf(classSplit), () => {}) : rows;
  if (named === null) for (const line of doubtsAbout(classRows)) onNote(line);
  const classNames = named ?? classesOf(classRows);
  const byName = labelsByName(join(folder, classNamesFile), classNames);
  for (const { name, firstLine } of rows.labels.values()) {
    if (byName.has(comparable(name))) continue;
    const some = classNames.slice(0, 20).map(excerpt).join(', ');
    throw new UserError(
      `${rows.path}, line ${firstLine}: got label "${excerpt(name)}"; expected one of ${some}${classNames.length > 20 ? ', …' : ''} (the classes of ${named ? classNamesFile : `${classSplit}${extension}`}).`,
    );
  }
  return inMemoryTexts({
    name: 'tsv',
    split,
    classNames,
    labels: Int32Array.from(labelOfItem, ({ name }) => byName.get(comparable(name))!),
    texts,
    places: { kind: 'lines', path: rows.path, lines: Int32Array.from(lineOfItem) },
  });
}
