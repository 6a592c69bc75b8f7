/** Compares the preprocessings with TensorFlow's numbers; see test/python/preprocessing_reference.py. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from '../../src/errors.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { withChannels } from '../../src/preprocessing/channels.ts';
import { getPreprocessing } from '../../src/preprocessing/factory.ts';
import type { ImageShape, SourceImage } from '../../src/preprocessing/preprocessing.ts';
import { resizeBilinear } from '../../src/preprocessing/resize.ts';

interface Case {
  readonly preprocessing: string;
  readonly image: ImageShape;
  readonly side: number;
  readonly channels: number;
  readonly augmentation: Readonly<Record<string, number | boolean>> | null;
  readonly sum: number;
  readonly squares: number;
  readonly rows: readonly number[];
  /** Of each of these rows every seventh pixel. */
  readonly values: readonly (readonly number[])[];
}

const path = join(packageRoot, 'test/preprocessing/preprocessing.golden.json');
const cases = JSON.parse(readFileSync(path, 'utf8')) as readonly Case[];

/** Samples from the same hash as in the reference. */
function hashedImage([height, width, channels]: ImageShape, stream: number): SourceImage {
  const data = Uint8Array.from({ length: height * width * channels }, (_, i) => {
    let h = (i + Math.imul(stream, 0x9e3779b9)) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) >>> 24;
  });
  return { width, height, channels, data };
}

/** The middle of the interval of uniform numbers that gives `value` out of `count`. */
const pick = (value: number, count: number) => (value + 0.5) / count;

/** The uniform numbers that make an augmentation do what the reference did. */
function uniformNumbers({ preprocessing, image, side, augmentation }: Case): number[] {
  const { top, left, flip, delta, factor, shorter_side } = augmentation as Record<string, number>;
  const flipped = flip ? 0.25 : 0.75;
  if (preprocessing === 'cifarnet_train') {
    const offsets = [pick(top!, image[0] + 8 - side + 1), pick(left!, image[1] + 8 - side + 1)];
    return [...offsets, flipped, (delta! / 63 + 1) / 2, (factor! - 0.2) / 1.6];
  }
  const scale = shorter_side! / Math.min(image[0], image[1]);
  const [height, width] = [Math.round(image[0] * scale), Math.round(image[1] * scale)];
  const size = pick(shorter_side! - 256, 257);
  return [size, pick(top!, height - side + 1), pick(left!, width - side + 1), flipped];
}

for (const [stream, reference] of cases.entries()) {
  const { preprocessing, image, side, channels, augmentation } = reference;
  const how = augmentation === null ? '' : ` with ${JSON.stringify(augmentation)}`;
  test(`${preprocessing} of ${image.join('×')} to ${side}×${side}×${channels}${how} is TensorFlow's`, () => {
    const [name = '', mode] = preprocessing.split('_');
    const { train, evaluate } = getPreprocessing(name);
    const numbers = mode === 'train' ? uniformNumbers(reference) : [];
    const out = new Float32Array(side * side * channels);
    const source = withChannels(hashedImage(image, stream), channels);
    const random = () => numbers.shift() ?? assert.fail('asked for more random numbers');
    (mode === 'train' ? train : evaluate)(source, [side, side, channels], out, random);
    assert.deepEqual(numbers, []);

    const unit = name === 'vgg' ? 128 : 1;
    const close = (actual: number, expected: number, tolerance: number, what: string) =>
      assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, not ${expected}`);
    for (const [r, row] of reference.rows.entries()) {
      const values = reference.values[r]!;
      for (const [i, expected] of values.entries()) {
        const column = 7 * Math.floor(i / channels);
        const actual = out[(row * side + column) * channels + (i % channels)]!;
        close(actual, expected, 1e-5 * unit, `row ${row}, column ${column}`);
      }
    }
    const sum = out.reduce((total, value) => total + value, 0);
    const squares = out.reduce((total, value) => total + value * value, 0);
    close(sum, reference.sum, 1e-6 * unit * out.length, 'sum');
    close(squares, reference.squares, 1e-5 * reference.squares, 'sum of squares');
  });
}

test('a window of a resized image is that part of the whole resized image', () => {
  const image = hashedImage([9, 13, 3], 5);
  const whole = new Float32Array(30 * 40 * 3);
  resizeBilinear(image, [30, 40], 0, 0, [30, 40, 3], whole);
  const window = new Float32Array(8 * 5 * 3);
  resizeBilinear(image, [30, 40], 7, 11, [8, 5, 3], window);
  for (let y = 0; y < 8; y++) {
    const from = ((y + 7) * 40 + 11) * 3;
    assert.deepEqual(window.subarray(y * 15, y * 15 + 15), whole.subarray(from, from + 15));
  }
});

test('vgg resizes further when the crop would not fit', () => {
  const out = new Float32Array(600 * 600 * 3);
  const image = { width: 2, height: 3, channels: 3, data: new Uint8Array(18).fill(200) };
  getPreprocessing('vgg').train(image, [600, 600, 3], out, () => 0);
  assert.ok(Math.abs(out[0]! - (200 - 123.68)) < 1e-4);
  assert.ok(Math.abs(out.at(-1)! - (200 - 103.94)) < 1e-4);
});

test('grey becomes colour by repetition, and its luminance is the grey again', () => {
  const grey = hashedImage([3, 4, 1], 1);
  const color = withChannels(grey, 3);
  assert.deepEqual([...color.data.subarray(3, 6)], Array(3).fill(grey.data[1]));
  const back = withChannels(color, 1).data;
  // The weights add up to 0.9999.
  back.forEach((value, i) => {
    assert.ok(Math.abs(value - grey.data[i]! * 0.9999) < 1e-4);
  });
});

test('an unknown preprocessing is a usage error that lists what there is', () => {
  assert.throws(
    () => getPreprocessing('vg'),
    (error) => error instanceof UsageError && /got "vg"; expected one of .*vgg/.test(error.message),
  );
});

test('a preprocessing is also known by the names of the networks that go with it', () => {
  for (const name of ['resnet_v1_50', 'resnet_v1_152', 'vgg_16']) {
    assert.equal(getPreprocessing(name), getPreprocessing('vgg'));
  }
});
