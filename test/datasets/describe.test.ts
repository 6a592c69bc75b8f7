import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import sharp from 'sharp';
import { allItems, imagesOf } from '../../datasets/dataset.ts';
import { contactSheet, describeDataset, firstItemsOfClasses } from '../../datasets/describe.ts';
import { imagesText } from '../../datasets/descriptionText.ts';
import { encodePng } from '../../datasets/images/encodePng.ts';
import { inMemory } from '../../datasets/inMemory.ts';

/** Five images of 1×2 pixels in colour; the second and the last are equal. */
const pixels = [
  [0, 10, 20, 40, 50, 60],
  [1, 2, 3, 4, 5, 6],
  [9, 9, 9, 9, 9, 9],
  [0, 10, 20, 40, 50, 61],
  [1, 2, 3, 4, 5, 6],
];
const dataset = inMemory({
  name: 'made',
  split: 'train',
  classNames: ['a', 'b', 'c'],
  imageShape: [1, 2, 3],
  labels: Uint8Array.of(0, 1, 0, 0, 0),
  pixels: Uint8Array.from(pixels.flat()),
});

test('counts classes, empty ones too, and finds equal images', async () => {
  const { classCounts, duplicates } = await describeDataset(dataset);
  assert.deepEqual(classCounts, [4, 1, 0]);
  assert.deepEqual(duplicates, [[1, 4]]);
});

test('means and standard deviations of the channels are those by definition', async () => {
  const { channelMeans, channelStddevs, meanImage } = await describeDataset(dataset);
  for (let c = 0; c < 3; c++) {
    const values = pixels.flatMap((image) => [image[c]!, image[c + 3]!]);
    const mean = values.reduce((sum, value) => sum + value, 0) / 10;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 10;
    assert.ok(Math.abs(channelMeans[c]! - mean) < 1e-9);
    assert.ok(Math.abs(channelStddevs[c]! - Math.sqrt(variance)) < 1e-9);
  }
  const byHand = [11, 33, 55, 97, 119, 142].map((sum) => Math.round(sum / 5));
  assert.deepEqual([...meanImage!.data], byHand);
});

test('an image of more samples than a mean image can have is described without one', async () => {
  const one = { ...dataset, labels: Uint8Array.of(0), classNames: ['a'] } as const;
  const pixels = new Uint8Array(new SharedArrayBuffer(8192 * 8193)).fill(3);
  const large = inMemory({ ...one, imageShape: [8193, 8192, 1], pixels });
  const { meanImage, channelMeans, extents } = await describeDataset(large);
  assert.equal(meanImage, null);
  assert.deepEqual(channelMeans, [3]);
  assert.deepEqual(extents[1], [8193, 8192]);
});

test('as many classes as there may be are listed', async () => {
  const classNames = Array.from({ length: 2 ** 18 }, (_, label) => `${label}`);
  const description = await describeDataset({ ...dataset, classNames });
  assert.match(imagesText({ ...dataset, classNames }, description), /\n +262143 262143 0\n/);
});

test('a contact sheet shows the items of a class from left to right, white between', async () => {
  const [items, , none] = firstItemsOfClasses(dataset, 3);
  assert.deepEqual([items, none], [[0, 2, 3], []]);
  const sheet = await contactSheet(dataset, items!);
  assert.deepEqual([sheet.width, sheet.height, sheet.channels], [10, 1, 3]);
  const white = Array(6).fill(255);
  assert.deepEqual(
    [...sheet.data],
    [...pixels[0]!, ...white, ...pixels[2]!, ...white, ...pixels[3]!],
  );
});

test('a contact sheet goes on in a second row', async () => {
  const many = inMemory({ ...dataset, labels: new Uint8Array(17), pixels: new Uint8Array(17 * 6) });
  const sheet = await contactSheet(many, firstItemsOfClasses(many, 100)[0]!);
  assert.deepEqual([sheet.width, sheet.height], [16 * 4 - 2, 4]);
});

test('PNG keeps every sample and the channels', async () => {
  // Small and large ones are compressed in different ways.
  for (const [width, height, channels] of [
    [5, 4, 1],
    [5, 4, 3],
    [300, 260, 1],
    [300, 260, 3],
  ] as const) {
    const data = Uint8Array.from({ length: width * height * channels }, (_, i) => i * 4);
    const png = await encodePng({ width, height, channels, data });
    assert.equal((await sharp(png).metadata()).channels, channels);
    const image = sharp(png);
    if (channels === 1) image.toColourspace('b-w');
    assert.deepEqual(Uint8Array.from(await image.raw().toBuffer()), data);
  }
});

test('large images are read few at a time, small ones many', async () => {
  const peakOf = async (height: number) => {
    let reading = 0;
    let peak = 0;
    const image = async () => {
      peak = Math.max(peak, ++reading);
      await setImmediate();
      reading--;
      return { width: 2 ** 13, height, channels: 1, data: bytes.subarray(0, 2 ** 13 * height) };
    };
    for await (const _ of imagesOf({ ...dataset, image }, allItems(70)));
    return peak;
  };
  const bytes = new Uint8Array(2 ** 27);
  assert.deepEqual(await Promise.all([2 ** 14, 2 ** 13, 1].map(peakOf)), [2, 4, 32]);
});
