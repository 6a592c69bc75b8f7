/** What a data set of texts holds, in numbers. */

import type { TextDataset } from './dataset.ts';
import { tokenize } from './tokens.ts';

/** Numbers about one split of texts. */
export interface TextDescription {
  /** Items of each class, by label. */
  readonly classCounts: readonly number[];
  /** Tokens of the shortest text, of the middle one by length, and of the longest. */
  readonly lengths: readonly [shortest: number, median: number, longest: number];
  /** Tokens in all. */
  readonly tokens: number;
  /** Different words, as a vocabulary would have them. */
  readonly words: number;
  /** Items whose texts have the same tokens, in groups of two or more. */
  readonly duplicates: readonly (readonly number[])[];
}

/** Goes through a split once. */
export function describeTexts(dataset: TextDataset): TextDescription {
  const classCounts = dataset.classNames.map(() => 0);
  const words = new Set<string>();
  const itemsOfText = new Map<string, number[]>();
  const lengths = Array.from(dataset.items, (itemIndex) => {
    classCounts[dataset.labels[itemIndex]!]!++;
    const tokens = tokenize(dataset.texts[itemIndex]!);
    for (const { word } of tokens) words.add(word);
    const key = tokens.map(({ word }) => word).join(' ');
    const same = itemsOfText.get(key);
    if (same === undefined) itemsOfText.set(key, [itemIndex]);
    else same.push(itemIndex);
    return tokens.length;
  }).sort((a, b) => a - b);
  return {
    classCounts,
    lengths: [lengths[0] ?? 0, lengths[lengths.length >> 1] ?? 0, lengths.at(-1) ?? 0],
    tokens: lengths.reduce((sum, length) => sum + length, 0),
    words: words.size,
    duplicates: [...itemsOfText.values()].filter((items) => items.length > 1),
  };
}
