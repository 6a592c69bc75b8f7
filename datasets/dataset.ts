/** What every data set offers, whatever its items are and whatever form its files have. */
import { UsageError } from '../src/errors.ts';
import type { EncodedImages, ImageStore } from './imageStore.ts';

/** One image as its source has it: 8-bit samples, row-major, channels interleaved. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 RGB */
  readonly channels: number;
  /** height × width × channels samples, 0..255 */
  readonly data: Uint8Array;
}

/** Reads images on one thread. */
export interface ImageReader {
  /**
   * The image of one item, at once where it is in memory. The bytes may be a view: do not change them.
   *
   * @throws UserError  when it cannot be read or decoded
   */
  read(itemIndex: number): Image | Promise<Image>;
  /** Closes all files. */
  close(): void;
}

/** [height, width, channels]; null where the images of a data set may differ. */
type ImageShape = readonly [height: number | null, width: number | null, channels: number];

/** Where the items of a split lie, as plain data, so that threads can be given it. */
export type ItemPlaces =
  | { readonly kind: 'images'; readonly images: EncodedImages }
  /** Lines of one file, numbered from 1; by item. */
  | { readonly kind: 'lines'; readonly path: string; readonly lines: Int32Array }
  /** Items of another split, such as "phrases train", which has no places itself; by item. */
  | { readonly kind: 'drawn'; readonly from: string; readonly items: Uint32Array };

/**
 * One split of a data set, whatever its items are. An item is known by its index in the split's
 * source order, 0..size−1; that index never changes, however the items are shuffled, stored or left
 * out.
 */
interface LabelledItems {
  /** As given to --dataset_name, such as 'mnist'. */
  readonly name: string;
  /** As given to --dataset_split_name, such as 'train'. */
  readonly split: string;
  /** Number of items in the source: item indices are below it. */
  readonly size: number;
  /**
   * Indices of the items that are used, ascending: all of them, but for those whose images cannot be
   * decoded and are left out (--on_bad_item=skip). An epoch has each once.
   */
  readonly items: Uint32Array;
  /** Class names by label. */
  readonly classNames: readonly string[];
  /** Label of every item, by item index, 0..classNames.length−1. */
  readonly labels: Uint8Array | Uint16Array | Int32Array;
  /** Where to find each item, in the words of `placeOf`, where the data set has a place for each. */
  readonly places?: ItemPlaces | undefined;
}

/** A split of images. */
export interface ImageDataset extends LabelledItems {
  readonly kind: 'images';
  readonly imageShape: ImageShape;
  /** Where the images are, as plain data that threads share. */
  readonly images: ImageStore;
  /**
   * The image of one item, read and decoded where it is not in memory. The bytes may be a view: do
   * not change them.
   *
   * @throws UserError  when it cannot be read or decoded
   */
  image(itemIndex: number): Promise<Image>;
}

/** A split of texts. */
export interface TextDataset extends LabelledItems {
  readonly kind: 'texts';
  /** By item index. */
  readonly texts: readonly string[];
}

/** One split of a data set. */
export type Dataset = ImageDataset | TextDataset;

/** What an item is to people: its image, or its text. */
export type Item = Image | { readonly text: string };

/**
 * One item as its source has it.
 *
 * @throws UserError  when it cannot be read or decoded
 */
export async function itemOf(dataset: Dataset, itemIndex: number): Promise<Item> {
  return dataset.kind === 'images' ? dataset.image(itemIndex) : { text: dataset.texts[itemIndex]! };
}

/** The data set as one of images. @throws UsageError when it holds texts */
export function expectImages(dataset: Dataset): ImageDataset {
  if (dataset.kind === 'images') return dataset;
  throw new UsageError(`${dataset.name}: holds texts; expected a data set of images.`);
}

/** The indices of all items. */
export function allItems(size: number): Uint32Array {
  return Uint32Array.from({ length: size }, (_, i) => i);
}

/** Images that `imagesOf` reads at a time, and how many bytes they may take, if it is more than one. */
const readAtATime = 32;
const maxReadBytes = 2 ** 28;

/**
 * The images of some items in their order; several are read and decoded at a time.
 *
 * @throws UserError  when one cannot be read or decoded
 */
export async function* imagesOf(
  dataset: ImageDataset,
  items: Uint32Array = dataset.items,
): AsyncGenerator<{ itemIndex: number; image: Image }, void, undefined> {
  let first = 0;
  let largest = maxReadBytes;
  while (first < items.length) {
    const count = Math.max(1, Math.min(readAtATime, Math.floor(maxReadBytes / largest)));
    const some = Array.from(items.subarray(first, first + count), (itemIndex) => {
      const image = dataset.image(itemIndex);
      // Awaited in its turn: the first item that fails is the one that is named.
      image.catch(() => {});
      return { itemIndex, image };
    });
    first += count;
    // What was read last is the best guess at what comes.
    largest = 1;
    for (const { itemIndex, image: pending } of some) {
      const image = await pending;
      largest = Math.max(largest, image.data.length);
      yield { itemIndex, image };
    }
  }
}
