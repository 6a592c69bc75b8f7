/** Reads whole data sets, for the tests that compare them. */
import assert from 'node:assert/strict';
import { type ImageDataset, imagesOf } from '../../datasets/dataset.ts';

/** All images one after the other, decoded where they have to be. */
export async function pixelsOf(dataset: ImageDataset): Promise<Buffer> {
  const images: Uint8Array[] = [];
  for await (const { image } of imagesOf(dataset)) images.push(image.data);
  return Buffer.concat(images);
}

/** Checks that two data sets have the same items, byte for byte, whatever their form. */
export async function expectSame(actual: ImageDataset, expected: ImageDataset): Promise<void> {
  assert.equal(actual.size, expected.size);
  assert.deepEqual([...actual.items], [...expected.items]);
  assert.deepEqual(actual.classNames, expected.classNames);
  assert.deepEqual([...actual.labels], [...expected.labels]);
  const shapes = [actual, expected].map(async (dataset) => {
    const { height, width, channels } = await dataset.image(dataset.items[0]!);
    return [height, width, channels];
  });
  const [actualShape, expectedShape] = await Promise.all(shapes);
  assert.deepEqual(actualShape, expectedShape);
  assert.ok((await pixelsOf(actual)).equals(await pixelsOf(expected)));
}
