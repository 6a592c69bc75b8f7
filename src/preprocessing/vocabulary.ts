/** The words that a network knows, by number. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { tokenize, unknownId } from '../../datasets/tokens.ts';
import { excerpt, UserError, unreadable } from '../errors.ts';
import { replaceFile } from '../files/replaceFile.ts';

const reserved = ['<padding>', '<unknown>'] as const;

/** Beside the checkpoints of the run that it was made for. */
export const vocabularyFile = 'vocabulary.txt';

/** Words by number. */
export class Vocabulary {
  /** Words by number, `<padding>` and `<unknown>` first. */
  readonly words: readonly string[];
  readonly #numbers: ReadonlyMap<string, number>;

  /** @param words  the known words from number 2 on */
  constructor(words: readonly string[]) {
    this.words = [...reserved, ...words];
    this.#numbers = new Map(words.map((word, i) => [word, i + reserved.length]));
  }

  /** Numbers are below it. */
  get size(): number {
    return this.words.length;
  }

  /** Of the words in their order, hexadecimal. */
  get sha256(): string {
    return createHash('sha256').update(this.words.join('\n')).digest('hex');
  }

  /** The numbers of a text's tokens, int32 [tokens]; `unknownId` for words that it does not have. */
  encode(text: string): Int32Array {
    return Int32Array.from(tokenize(text), ({ word }) => this.#numbers.get(word) ?? unknownId);
  }
}

/**
 * The most frequent words of some texts, the most frequent first and equally frequent ones in the
 * order of their UTF-16 units: the same for the same texts in any order.
 *
 * @param maxSize  numbers at most, `<padding>` and `<unknown>` among them
 */
export function buildVocabulary(texts: Iterable<string>, maxSize = Infinity): Vocabulary {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const { word } of tokenize(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const byFrequency = [...counts].sort(([a, countA], [b, countB]) =>
    countA === countB ? (a < b ? -1 : 1) : countB - countA,
  );
  const kept = byFrequency.slice(0, Math.max(0, maxSize - reserved.length));
  return new Vocabulary(kept.map(([word]) => word));
}

/** Writes a vocabulary: one word a line, its number the number of the line from 0. */
export async function writeVocabulary(path: string, { words }: Vocabulary): Promise<void> {
  await replaceFile(path, words.map((word) => `${word}\n`).join(''));
}

/**
 * Reads a vocabulary. A byte order mark and carriage returns at line ends, which editors and version control leave and
 * nobody sees, are no part of a word.
 *
 * @returns  null when there is no such file
 * @throws UserError  naming the line that is wrong
 */
export async function readVocabulary(path: string): Promise<Vocabulary | null> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw unreadable(path, error);
  }
  const lines = content
    .replace(/^\ufeff/, '')
    .replace(/\r?\n$/, '')
    .split(/\r?\n/);
  const seen = new Map<string, number>();
  for (const [i, word] of lines.entries()) {
    const where = `${path}, line ${i + 1}`;
    const expected = reserved[i];
    if (expected !== undefined && word !== expected) {
      throw new UserError(`${where}: got "${excerpt(word)}"; expected ${expected}.`);
    }
    if (word === '') throw new UserError(`${where}: is empty; expected one word a line.`);
    const before = seen.get(word);
    if (before !== undefined) {
      throw new UserError(`${where}: got "${excerpt(word)}", which is in line ${before} already.`);
    }
    seen.set(word, i + 1);
  }
  if (lines.length < reserved.length) {
    throw new UserError(`${path}: is cut off; expected ${reserved.join(' and ')} first.`);
  }
  return new Vocabulary(lines.slice(reserved.length));
}
