/** Draws the split `validation` from the split `train` of data that have none. */
import { UsageError, UserError } from '../src/errors.ts';
import { permutation, random, streams } from '../src/random.ts';
import type { ItemPlaces, TextDataset } from './dataset.ts';
import type { EncodedImages } from './imageStore.ts';
import { type EncodedSplit, encodedImages, textAt } from './images/encodedImages.ts';
import { type InMemoryDataset, inMemory } from './inMemory.ts';
import { inMemoryTexts } from './texts.ts';

/** A split as its form has it, before its images are decoded. */
export type LoadedSplit = EncodedSplit | InMemoryDataset | TextDataset;

/** How much is drawn. */
export interface Validation {
  /** Share of each class that is `validation`, 0..1; the rest is `train`. */
  readonly share: number;
  readonly seed: number;
}

const drawnName = 'validation';
const sourceName = 'train';

/** The splits of some data, with the one that is drawn. */
export function withValidation(splits: readonly string[], share: number): readonly string[] {
  const isDrawn = share > 0 && splits.includes(sourceName) && !splits.includes(drawnName);
  return isDrawn ? [...splits, drawnName] : splits;
}

/**
 * Whether a split is a part that is drawn from `train`.
 *
 * @param owner   the data set or folder, for the error
 * @param splits  that it has
 * @throws UsageError  when the data do not let it be drawn
 */
export function isDrawnPart(
  split: string,
  share: number,
  owner: string,
  splits: readonly string[],
): boolean {
  if (share === 0 || (split !== sourceName && split !== drawnName)) return false;
  if (splits.includes(drawnName)) {
    throw new UsageError(
      `--validation_split: got "${share}", but ${owner} has a split ${drawnName}. Leave it out; for data other than the run's, give 0.`,
    );
  }
  if (splits.includes(sourceName)) return true;
  if (split === sourceName) return false;
  throw new UsageError(
    `--validation_split: ${owner} has ${splits.join(' and ')}; expected a split ${sourceName}, from which ${drawnName} is drawn.`,
  );
}

/** What is said where the split `validation` is asked for and could be drawn. */
export function validationHint(split: string, splits: readonly string[]): string {
  return split === drawnName && splits.includes(sourceName)
    ? `Give --validation_split to draw one from ${sourceName}.`
    : '';
}

/** Items of the part, ascending. A function of the order of the items of each class, its name's rank, seed and share. */
function drawItems(
  { labels, classNames }: LoadedSplit,
  part: string,
  { share, seed }: Validation,
): Uint32Array {
  const itemsOfClass = new Map<string, number[]>();
  labels.forEach((label, item) => {
    const name = classNames[label]!;
    const sameClass = itemsOfClass.get(name);
    if (sameClass === undefined) itemsOfClass.set(name, [item]);
    else sameClass.push(item);
  });
  const drawn = [...itemsOfClass.keys()].sort().flatMap((name, rank) => {
    const sameClass = itemsOfClass.get(name)!;
    const order = permutation(sameClass.length, random(seed, streams.validation, rank));
    const count = Math.round(share * sameClass.length);
    const chosen = part === drawnName ? order.subarray(0, count) : order.subarray(count);
    return Array.from(chosen, (i) => sameClass[i]!);
  });
  return Uint32Array.from(drawn).sort();
}

/** Places of some images, with the files that have them. */
function imagesOf(
  { files, file, offset, length }: EncodedImages,
  items: Uint32Array,
): EncodedImages {
  const used = new Map<number, number>();
  for (const item of items) if (!used.has(file[item]!)) used.set(file[item]!, used.size);
  return encodedImages(
    Array.from(used.keys(), (index) => textAt(files, index)),
    {
      file: Uint32Array.from(items, (item) => used.get(file[item]!)!),
      offset: Float64Array.from(items, (item) => offset[item]!),
      length: Uint32Array.from(items, (item) => length[item]!),
    },
  );
}

function pixelsOf({ pixels, imageShape }: InMemoryDataset, items: Uint32Array): Uint8Array {
  const [height, width, channels] = imageShape;
  const size = height * width * channels;
  const chosen = new Uint8Array(new SharedArrayBuffer(items.length * size));
  items.forEach((item, i) => {
    chosen.set(pixels.subarray(item * size, (item + 1) * size), i * size);
  });
  return chosen;
}

/** Where some items of a split in memory lie. */
function placesOf({ name, places }: InMemoryDataset | TextDataset, items: Uint32Array): ItemPlaces {
  if (places?.kind !== 'lines') return { kind: 'drawn', from: `${name} ${sourceName}`, items };
  return { ...places, lines: Int32Array.from(items, (item) => places.lines[item]!) };
}

/**
 * Draws a part of the split `train`, the same share of each class. Its items are numbered anew, in
 * the order that they had.
 *
 * @param part  `validation`, or `train`: all that `validation` has not
 * @throws UserError  when the part has no items
 */
export function drawPart(split: LoadedSplit, part: string, validation: Validation): LoadedSplit {
  const items = drawItems(split, part, validation);
  if (items.length === 0) {
    throw new UserError(
      `${split.name}: found no items of split ${part}; --validation_split leaves none.`,
    );
  }
  const { name, classNames } = split;
  const labels = Int32Array.from(items, (item) => split.labels[item]!);
  const parts = { name, split: part, classNames, labels };
  if (!('kind' in split)) {
    return { ...parts, size: items.length, images: imagesOf(split.images, items) };
  }
  const places = placesOf(split, items);
  if (split.kind === 'texts') {
    const texts = Array.from(items, (item) => split.texts[item]!);
    return inMemoryTexts({ ...parts, texts, places });
  }
  const pixels = pixelsOf(split, items);
  return { ...inMemory({ ...parts, imageShape: split.imageShape, pixels }), places };
}
