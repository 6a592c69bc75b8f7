/** What every data set offers, whatever form its files have. */

/** One image as its source has it: 8-bit samples, row-major, channels interleaved. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 RGB, 4 RGBA */
  readonly channels: number;
  /** height × width × channels samples, 0..255 */
  readonly data: Uint8Array;
}

/**
 * One split of a data set. An item is known by its index in the split's source order, 0..size−1;
 * that index never changes, however the items are shuffled or stored.
 */
export interface Dataset {
  /** As given to --dataset_name, such as 'mnist'. */
  readonly name: string;
  /** As given to --dataset_split_name, such as 'train'. */
  readonly split: string;
  /** Number of items. */
  readonly size: number;
  /** Class names by label. */
  readonly classNames: readonly string[];
  /** [height, width, channels] of every image. */
  readonly imageShape: readonly [number, number, number];
  /** Label of every item, 0..classNames.length−1. */
  readonly labels: Uint8Array | Uint16Array | Int32Array;
  /** The image of one item. The returned bytes may be a view: do not change them. */
  image(itemIndex: number): Image;
}
