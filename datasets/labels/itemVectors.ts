/** Items as short vectors, by which they can be told apart without any weights from elsewhere. */
import {
  type Dataset,
  type Image,
  type ImageDataset,
  imagesOf,
  type TextDataset,
} from '../dataset.ts';
import { tokenize } from '../tokens.ts';

/** Images are taken at this size, side × side cells. */
const side = 8;
/** Words, the most frequent ones, that texts are told apart by. */
const maxWords = 256;

/** A vector for each item, in the order of the data set's items. */
export interface ItemVectors {
  /** Numbers of a vector. */
  readonly length: number;
  /** [items, length]; the mean of each column is 0, and the mean square of all 1. */
  readonly values: Float32Array;
}

/**
 * The mean of each of 8 × 8 cells and channel of an image; of a text, which of the 256 most frequent words are in
 * it.
 *
 * @throws UserError  when an image cannot be read
 */
export async function itemVectors(dataset: Dataset): Promise<ItemVectors> {
  const vectors = dataset.kind === 'images' ? await imageVectors(dataset) : textVectors(dataset);
  standardize(vectors);
  return vectors;
}

async function imageVectors(dataset: ImageDataset): Promise<ItemVectors> {
  const length = side * side * dataset.imageShape[2];
  const values = new Float32Array(dataset.items.length * length);
  let first = 0;
  for await (const { image } of imagesOf(dataset)) {
    writeCells(image, values.subarray(first, first + length));
    first += length;
  }
  return { length, values };
}

/** First and last pixel behind a cell: at least one, also where pixels are larger than cells. */
function pixelsOf(cell: number, size: number): [from: number, to: number] {
  const from = Math.floor((cell * size) / side);
  return [from, Math.max(from + 1, Math.floor(((cell + 1) * size) / side))];
}

function writeCells({ width, height, channels, data }: Image, into: Float32Array): void {
  const samples = into.length / (side * side);
  for (let row = 0, at = 0; row < side; row++) {
    const [top, bottom] = pixelsOf(row, height);
    for (let column = 0; column < side; column++) {
      const [left, right] = pixelsOf(column, width);
      for (let channel = 0; channel < samples; channel++, at++) {
        let sum = 0;
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < right; x++) sum += data[(y * width + x) * channels + channel]!;
        }
        into[at] = sum / ((bottom - top) * (right - left));
      }
    }
  }
}

function textVectors({ items, texts }: TextDataset): ItemVectors {
  const wordsOf = (item: number) => new Set(tokenize(texts[item]!).map(({ word }) => word));
  const counts = new Map<string, number>();
  for (const item of items) {
    for (const word of wordsOf(item)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const frequent = [...counts]
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, maxWords);
  const columns = new Map(frequent.map(([word], column) => [word, column]));
  const length = Math.max(1, columns.size);
  const values = new Float32Array(items.length * length);
  items.forEach((item, position) => {
    for (const word of wordsOf(item)) {
      const column = columns.get(word);
      if (column !== undefined) values[position * length + column] = 1;
    }
  });
  return { length, values };
}

/** One scale for all columns: what hardly varies, such as an image's border, is not made loud. */
function standardize({ length, values }: ItemVectors): void {
  const count = values.length / length;
  const means = new Float64Array(length);
  for (let i = 0; i < values.length; i++) means[i % length]! += values[i]! / count;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    values[i]! -= means[i % length]!;
    squares += values[i]! ** 2;
  }
  const scale = squares > 0 ? Math.sqrt(values.length / squares) : 0;
  for (let i = 0; i < values.length; i++) values[i]! *= scale;
}
