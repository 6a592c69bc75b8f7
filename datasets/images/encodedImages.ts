/** Images as their files have them, compressed: where they lie. */
import type { ImageDataset } from '../dataset.ts';
import type { EncodedImages, TextTable } from '../imageStore.ts';

/** One split whose images are compressed. */
export interface EncodedSplit
  extends Pick<ImageDataset, 'name' | 'split' | 'classNames' | 'labels' | 'size'> {
  readonly images: EncodedImages;
}

function textTable(texts: readonly string[]): TextTable {
  const starts = new Float64Array(new SharedArrayBuffer(8 * (texts.length + 1)));
  texts.forEach((text, i) => {
    starts[i + 1] = starts[i]! + Buffer.byteLength(text);
  });
  const bytes = Buffer.from(new SharedArrayBuffer(starts[texts.length]!));
  texts.forEach((text, i) => {
    bytes.write(text, starts[i]!);
  });
  return { bytes, starts };
}

/** One text of a table. */
export function textAt({ bytes, starts }: TextTable, index: number): string {
  return Buffer.from(bytes.buffer, starts[index]!, starts[index + 1]! - starts[index]!).toString();
}

/** Puts together where images lie. @param places  by item, as EncodedImages has them */
export function encodedImages(
  files: readonly string[],
  places: {
    readonly file: ArrayLike<number>;
    readonly offset: ArrayLike<number>;
    readonly length: ArrayLike<number>;
  },
): EncodedImages {
  const size = places.file.length;
  const file = new Uint32Array(new SharedArrayBuffer(4 * size));
  const offset = new Float64Array(new SharedArrayBuffer(8 * size));
  const length = new Uint32Array(new SharedArrayBuffer(4 * size));
  file.set(places.file);
  offset.set(places.offset);
  length.set(places.length);
  return { files: textTable(files), file, offset, length };
}

/** What names an item in errors: its file, and its place when the file holds several. */
export function describeItem({ files, file, offset }: EncodedImages, itemIndex: number): string {
  const path = textAt(files, file[itemIndex]!);
  return offset[itemIndex] === 0 ? path : `${path}, byte ${offset[itemIndex]}`;
}
