/** Prepares an image for the graph: its window as bytes, and the numbers of its augmentation. */
import type { Image } from '../../datasets/dataset.ts';
import type { HostTensor } from '../engines/engine.ts';
import { formOf } from './factory.ts';
import { windowSize } from './itemFeeds.ts';
import type { ImageInput } from './itemInput.ts';

/**
 * Fills one row of what the graph is fed.
 *
 * @param feeds   as ItemMemory gives them
 * @param random  uniform numbers in [0, 1) for the augmentation of this item in this epoch
 */
export type PrepareImage = (
  image: Image,
  feeds: Readonly<Record<string, HostTensor>>,
  row: number,
  random: () => number,
) => void;

/**
 * How images are prepared for a network.
 *
 * @throws UsageError  when there is no such preprocessing
 */
export function imagePreparation(input: ImageInput, isTraining: boolean): PrepareImage {
  const { takeWindow, augmentation } = formOf(input, isTraining);
  const { sourceChannels } = input;
  const [height, width] = input.shape;
  const size = [height, width] as const;
  const bytes = windowSize(input);
  return (image, feeds, row, random) => {
    if (image.channels !== sourceChannels) {
      throw new Error(
        `prepareImage: image has ${image.channels} channels; expected ${sourceChannels}`,
      );
    }
    const { data, shape } = feeds['images']!;
    const start = data.byteOffset + row * shape[1]! * data.BYTES_PER_ELEMENT;
    takeWindow(image, size, new Uint8Array(data.buffer, start, bytes), random);
    if (augmentation) {
      const numbers = feeds['augmentation']!.data;
      const first = row * augmentation.size;
      // By index: `set` of a short list takes longer than all the drawing.
      augmentation.draw(random).forEach((value, i) => {
        numbers[first + i] = value;
      });
    }
  };
}

/** For evaluation, which draws no random numbers. */
export const noRandom = (): number => 0;
