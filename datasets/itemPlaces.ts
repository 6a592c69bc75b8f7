/** Says where an item lies. */
import type { ItemPlaces } from './dataset.ts';
import { describeItem, textAt } from './images/encodedImages.ts';

/** Where to find one item, such as "train.tsv, line 7". */
export function placeOf(places: ItemPlaces, itemIndex: number): string {
  switch (places.kind) {
    case 'images':
      return describeItem(places.images, itemIndex);
    case 'lines':
      return `${places.path}, line ${places.lines[itemIndex]}`;
    case 'drawn':
      return `item ${places.items[itemIndex]} of ${places.from}`;
  }
}

/** The file that is the image of one item, and of no other; undefined where it has none of its own. */
export function fileOf(places: ItemPlaces | undefined, itemIndex: number): string | undefined {
  if (places?.kind !== 'images') return undefined;
  const { files, file, length } = places.images;
  return length[itemIndex] === 0 ? textAt(files, file[itemIndex]!) : undefined;
}
