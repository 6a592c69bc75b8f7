/** How the images of a data set are held: plain data and shared memory, so that threads can be given it. */

/** All images in memory, of one size. */
export interface PixelStore {
  readonly kind: 'pixels';
  /** One image after the other, [size, height, width, channels], 0..255. */
  readonly pixels: Uint8Array<SharedArrayBuffer>;
  readonly shape: readonly [height: number, width: number, channels: number];
}

/** Texts one after the other in shared memory: a million file names are not copied to each thread. */
export interface TextTable {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** First byte of each text, and the end of the last. */
  readonly starts: Float64Array<SharedArrayBuffer>;
}

/** Where the compressed image of each item lies, in shared memory. */
export interface EncodedImages {
  readonly files: TextTable;
  /** Index into files, by item. */
  readonly file: Uint32Array<SharedArrayBuffer>;
  /** First byte in the file, by item. */
  readonly offset: Float64Array<SharedArrayBuffer>;
  /** Bytes, by item; of an image that is a file of its own, 0. */
  readonly length: Uint32Array<SharedArrayBuffer>;
}

/**
 * The size that images are decoded to: null for their own; `crop` for a square of this side, which
 * they are resized to fill and cropped to; `shrink` for smaller ones of the same aspect where the
 * shorter side has more pixels than this.
 */
export type DecodedSize = { readonly side: number; readonly fit: 'crop' | 'shrink' } | null;

/** What an image shall be decoded to. */
export interface DecodeOptions {
  /** 1 grey, 3 RGB; what is transparent becomes white. */
  readonly channels: 1 | 3;
  readonly size: DecodedSize;
  /** Images of more pixels are refused; 2²⁶ by default. */
  readonly maxPixels?: number | undefined;
}

/**
 * Room for decoded images, as shared memory. An epoch takes each item once in a new random order, so
 * that no image is more likely to be wanted next than another: those that came first stay, none is
 * ever moved out, and threads need no lock.
 */
export interface DecodedCache {
  /** Images one after the other; memory that is not filled yet costs nothing. */
  readonly arena: Uint8Array<SharedArrayBuffer>;
  /** First unit of each item's image in the arena plus one, by item; 0 while it is not there. */
  readonly place: Uint32Array<SharedArrayBuffer>;
  /** Width and height of each item's image, in pixels, [size, 2]. */
  readonly extent: Uint16Array<SharedArrayBuffer>;
  readonly channels: number;
  /** Units that are taken, as the only element. */
  readonly taken: Uint32Array<SharedArrayBuffer>;
}

/** Compressed images with all that threads need to read them. */
export interface EncodedStore {
  readonly kind: 'encoded';
  readonly images: EncodedImages;
  readonly decoding: DecodeOptions;
  readonly cache: DecodedCache;
}

/** Images in one of the two ways. */
export type ImageStore = PixelStore | EncodedStore;
