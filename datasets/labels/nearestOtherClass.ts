/** Which other class an image looks like, by the mean image of each class. */
import { type Image, type ImageDataset, imagesOf } from '../dataset.ts';

/** Images are compared at this size, side × side cells. */
const side = 16;

/** An image as the mean of each of side × side cells and channel, 0..255. */
function reduced({ width, height, channels, data }: Image, into: Uint8Array): void {
  /** First and last pixel behind a cell: at least one, also where pixels are larger than cells. */
  const range = (cell: number, size: number): [number, number] => {
    const from = Math.floor((cell * size) / side);
    return [from, Math.max(from + 1, Math.floor(((cell + 1) * size) / side))];
  };
  const samples = into.length / (side * side);
  for (let row = 0, at = 0; row < side; row++) {
    const [top, bottom] = range(row, height);
    for (let column = 0; column < side; column++) {
      const [left, right] = range(column, width);
      for (let channel = 0; channel < samples; channel++, at++) {
        let sum = 0;
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < right; x++) sum += data[(y * width + x) * channels + channel]!;
        }
        into[at] = Math.round(sum / ((bottom - top) * (right - left)));
      }
    }
  }
}

/** What `nearestOtherClass` finds, in the order of the data set's items. */
export interface NearestClasses {
  /** The class other than the item's own whose mean image is the nearest one. */
  readonly classes: Int32Array;
  /**
   * How much nearer that one is than the mean image of the item's own class: d²(own) − d²(other),
   * higher for items that look more like the other class.
   */
  readonly likeness: Float64Array;
}

/**
 * Finds for each item the other class that it looks like most, by the Euclidean distance to the
 * mean image of each class at 16 × 16 cells.
 */
export async function nearestOtherClass(dataset: ImageDataset): Promise<NearestClasses> {
  const { items, labels, classNames, imageShape } = dataset;
  const samples = side * side * imageShape[2];
  const images = new Uint8Array(items.length * samples);
  const means = classNames.map(() => new Float64Array(samples));
  const counts = new Float64Array(classNames.length);
  let index = 0;
  for await (const { itemIndex, image } of imagesOf(dataset)) {
    const small = images.subarray(index * samples, (index + 1) * samples);
    reduced(image, small);
    const label = labels[itemIndex]!;
    const mean = means[label]!;
    counts[label]!++;
    for (let i = 0; i < samples; i++) mean[i]! += small[i]!;
    index++;
  }
  means.forEach((mean, label) => {
    for (let i = 0; i < samples; i++) mean[i]! /= counts[label]!;
  });
  // d² = x² − 2·x·mean + mean²; x² is the same for all classes and is left out.
  const norms = means.map((mean) => mean.reduce((sum, value) => sum + value * value, 0));
  const classes = new Int32Array(items.length);
  const likeness = new Float64Array(items.length);
  const distances = new Float64Array(classNames.length);
  items.forEach((itemIndex, position) => {
    const first = position * samples;
    means.forEach((mean, label) => {
      let product = 0;
      for (let i = 0; i < samples; i++) product += images[first + i]! * mean[i]!;
      // A class without items has no mean image: nothing is near it.
      distances[label] = counts[label] === 0 ? Infinity : norms[label]! - 2 * product;
    });
    const own = labels[itemIndex]!;
    let nearest = own === 0 ? 1 : 0;
    distances.forEach((distance, label) => {
      if (label !== own && distance < distances[nearest]!) nearest = label;
    });
    classes[position] = nearest;
    likeness[position] = distances[own]! - distances[nearest]!;
  });
  return { classes, likeness };
}
