/** Says where an item lies. */
import type { ItemPlaces } from './dataset.ts';
import { describeItem } from './images/encodedImages.ts';

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
