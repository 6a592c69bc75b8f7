/** What a data set holds, in lines for people. */
import { printable } from '../src/terminal.ts';
import type { Dataset, ImageDataset, TextDataset } from './dataset.ts';
import type { Description } from './describe.ts';
import type { TextDescription } from './describeTexts.ts';

/** Groups of equal items that are named. */
const maxGroups = 10;

/** Lines that say how many items each class has. */
function classLines(dataset: Dataset, classCounts: readonly number[]): string[] {
  const classNames = dataset.classNames.map(printable);
  const width = classNames.reduce((most, { length }) => Math.max(most, length), 0);
  return [
    'items of each class:',
    ...classNames.map(
      (name, label) => `  ${String(label).padStart(4)} ${name.padEnd(width)} ${classCounts[label]}`,
    ),
  ];
}

/** Lines that name the first groups of equal items. */
function duplicateLines(what: string, duplicates: readonly (readonly number[])[]): string[] {
  const shown = duplicates.slice(0, maxGroups).map((items) => `  items ${items.join(' = ')}`);
  if (duplicates.length > shown.length) shown.push(`  … ${duplicates.length - shown.length} more`);
  return [`groups of items with equal ${what}: ${duplicates.length}`, ...shown];
}

/** A split of images: its items by class, its extents and means, and equal images. */
export function imagesText(dataset: ImageDataset, description: Description): string {
  const { classCounts, channelMeans, channelStddevs, extents, duplicates } = description;
  const numbers = (values: readonly number[]) => values.map((v) => v.toFixed(2)).join(' ');
  const [smallest, largest] = extents.map((extent) => extent.join('×')) as [string, string];
  const size = smallest === largest ? smallest : `${smallest} to ${largest}`;
  return [
    `${dataset.name}, ${dataset.split}: ${dataset.items.length} items of ${size}×${dataset.imageShape[2]}`,
    `mean of each channel ${numbers(channelMeans)}, standard deviation ${numbers(channelStddevs)}`,
    ...classLines(dataset, classCounts),
    ...duplicateLines('images', duplicates),
    '',
  ].join('\n');
}

/** A split of texts: its items by class, their lengths and words, and equal texts. */
export function textsText(dataset: TextDataset, description: TextDescription): string {
  const { classCounts, lengths, tokens, words, duplicates } = description;
  const [shortest, median, longest] = lengths;
  return [
    `${dataset.name}, ${dataset.split}: ${dataset.items.length} texts of ${shortest} to ${longest} tokens, ${median} in the middle`,
    `${tokens} tokens, ${words} different words`,
    ...classLines(dataset, classCounts),
    ...duplicateLines('texts', duplicates),
    '',
  ].join('\n');
}
