/** Compares the preprocessings with TensorFlow's numbers; see test/python/preprocessing_reference.py. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Image } from '../../datasets/dataset.ts';
import { createWasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { UsageError } from '../../src/errors.ts';
import { Graph } from '../../src/graph/graph.ts';
import { cast, placeholder } from '../../src/graph/ops/array.ts';
import { packageRoot } from '../../src/packageRoot.ts';
import { getPreprocessing, isAugmented } from '../../src/preprocessing/factory.ts';
import { preprocessedInGraph } from '../../src/preprocessing/networkItems.ts';
import { noRandom } from '../../src/preprocessing/prepareImage.ts';
import type { ImageShape } from '../../src/preprocessing/preprocessing.ts';
import { drawArea } from '../../src/preprocessing/randomArea.ts';
import { resizeBilinear } from '../../src/preprocessing/resize.ts';
import { random } from '../../src/random.ts';
import { tensorFlowOrSkip } from '../engines.ts';
import { imagesFor, preprocessed } from './imagesFor.ts';

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
function hashedImage([height, width, channels]: ImageShape, stream: number): Image {
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
  if (preprocessing === 'inception_train') {
    const { height, width, brightness_first } = augmentation as Record<string, number>;
    const aspect = width! / height!;
    const smallest = Math.round(Math.sqrt((0.1 * image[0] * image[1]) / aspect));
    const largest = Math.min(image[0], Math.floor(image[1] / aspect));
    return [
      (aspect - 0.75) / 0.58,
      pick(height! - smallest, largest - smallest + 1),
      pick(top!, image[0] - height! + 1),
      pick(left!, image[1] - width! + 1),
      flipped,
      (delta! / (32 / 255) + 1) / 2,
      factor! - 0.5,
      brightness_first ? 0.1 : 0.6,
    ];
  }
  const scale = shorter_side! / Math.min(image[0], image[1]);
  const [height, width] = [Math.round(image[0] * scale), Math.round(image[1] * scale)];
  const size = pick(shorter_side! - 256, 257);
  return [size, pick(top!, height - side + 1), pick(left!, width - side + 1), flipped];
}

/** How near each value, and the mean of all, have to come. */
const exact = { tolerance: 1e-5, sumTolerance: 1e-6 };
/**
 * Resized samples are rounded to whole numbers: half a step of 1/255 of the range, most of which cancels out in a
 * sum; more where saturation adds differences of channels.
 */
const tolerances: Readonly<Record<string, typeof exact>> = {
  vgg_evaluate: { tolerance: 0.501, sumTolerance: 0.04 },
  vgg_train: { tolerance: 0.501, sumTolerance: 0.04 },
  inception_evaluate: { tolerance: 0.501 / 127.5, sumTolerance: 0.04 / 127.5 },
  inception_train: { tolerance: 2.001 / 127.5, sumTolerance: 0.04 / 127.5 },
};

const tensorflow = await tensorFlowOrSkip();
const engines = [
  ['tensorflow', tensorflow],
  ['wasm', { engine: await createWasmEngine(), skip: false }],
] as const;

for (const [engineName, { engine, skip }] of engines) {
  for (const [stream, reference] of cases.entries()) {
    const { preprocessing, image, side, channels, augmentation } = reference;
    const how = augmentation === null ? '' : ` with ${JSON.stringify(augmentation)}`;
    test(`${engineName}: ${preprocessing} of ${image.join('×')} to ${side}×${side}×${channels}${how} is TensorFlow's`, {
      skip,
    }, async () => {
      const [name = '', mode] = preprocessing.split('_');
      const numbers = mode === 'train' ? uniformNumbers(reference) : [];
      const nextNumber = () => numbers.shift() ?? assert.fail('asked for more random numbers');
      const input = imagesFor(name, [side, side, channels], image[2]);
      const source = hashedImage(image, stream);
      const { data } = await preprocessed(engine!, input, mode === 'train', [source], nextNumber);
      const out = data as Float32Array;
      assert.deepEqual(numbers, []);

      const { tolerance, sumTolerance } = tolerances[preprocessing] ?? exact;
      const close = (actual: number, expected: number, tolerance: number, what: string) =>
        assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, not ${expected}`);
      for (const [r, row] of reference.rows.entries()) {
        const values = reference.values[r]!;
        for (const [i, expected] of values.entries()) {
          const column = 7 * Math.floor(i / channels);
          const actual = out[(row * side + column) * channels + (i % channels)]!;
          close(actual, expected, tolerance, `row ${row}, column ${column}`);
        }
      }
      const sum = out.reduce((total, value) => total + value, 0);
      const squares = out.reduce((total, value) => total + value * value, 0);
      close(sum, reference.sum, sumTolerance * out.length, 'sum');
      close(squares, reference.squares, 10 * sumTolerance * reference.squares, 'squares');
    });
  }
}

test('a window of a resized image is that part of the whole resized image', () => {
  const image = hashedImage([9, 13, 3], 5);
  const whole = new Uint8Array(30 * 40 * 3);
  resizeBilinear(image, [30, 40], 0, 0, [30, 40], whole);
  const window = new Uint8Array(8 * 5 * 3);
  resizeBilinear(image, [30, 40], 7, 11, [8, 5], window);
  for (let y = 0; y < 8; y++) {
    const from = ((y + 7) * 40 + 11) * 3;
    assert.deepEqual(window.subarray(y * 15, y * 15 + 15), whole.subarray(from, from + 15));
  }
});

test('vgg resizes further when the crop would not fit', () => {
  const out = new Uint8Array(600 * 600 * 3);
  const image = { width: 2, height: 3, channels: 3, data: new Uint8Array(18).fill(200) };
  getPreprocessing('vgg').train.takeWindow(image, [600, 600], out, noRandom);
  assert.ok(out.every((value) => value === 200));
});

for (const [name, size] of ['vgg', 'inception', 'efficientnet'].flatMap((name) =>
  (
    [
      [300, 260],
      [31, 77],
      [224, 224],
      [180, 640],
    ] as const
  ).map((size) => [name, size] as const),
)) {
  test(`${name} in a model for others to run does the same to an image of ${size.join('×')}`, {
    skip: tensorflow.skip,
  }, async () => {
    const engine = tensorflow.engine!;
    const input = imagesFor(name, [224, 224, 3]);
    const image = hashedImage([...size, 3], 9);
    const { data: expected } = await preprocessed(engine, input, false, [image], noRandom);
    const graph = new Graph();
    const images = placeholder(graph, 'int32', [-1, -1, -1, 3], 'images');
    const items = preprocessedInGraph(cast(images, 'uint8'), input);
    assert.deepEqual(items.shape, [-1, 224, 224, 3]);
    const session = await engine.load(graph, {
      preprocess: { inputs: { images }, outputs: { items } },
    });
    const feed = { data: Int32Array.from(image.data), shape: [1, ...size, 3] };
    const { items: found } = await session.run('preprocess', { images: feed });
    await session.close();
    assert.deepEqual(found!.shape, [1, 224, 224, 3]);
    let others = 0;
    expected.forEach((value, i) => {
      const error = Math.abs(found!.data[i]! - value);
      // One of 255 steps.
      assert.ok(
        error < (name === 'vgg' ? 1.001 : 1.001 / 127.5),
        `sample ${i}: ${found!.data[i]}, not ${value}`,
      );
      if (error > 1e-4) others++;
    });
    // What lies half-way between two numbers may be rounded to either.
    assert.ok(others < 0.002 * expected.length, `${others} of ${expected.length} differ`);
  });
}

test('samples that do not fill whole words are unpacked all the same', async () => {
  const images = [0, 1].map((stream) => hashedImage([3, 5, 1], stream));
  const engine = await createWasmEngine();
  const input = imagesFor('lenet', [3, 5, 1]);
  const { data } = await preprocessed(engine, input, false, images, noRandom);
  const expected = images.flatMap((image) => [...image.data].map((value) => (value - 128) / 128));
  assert.deepEqual([...data], expected);
});

test('grey becomes colour by repetition, and its luminance is the grey again', async () => {
  const engine = await createWasmEngine();
  const grey = hashedImage([3, 4, 1], 1);
  const lenetOf = async (image: Image, channels: number) => {
    const input = imagesFor('lenet', [3, 4, channels], image.channels);
    const { data } = await preprocessed(engine, input, false, [image], noRandom);
    return Array.from(data, (value) => 128 * value + 128);
  };
  const color = await lenetOf(grey, 3);
  assert.deepEqual(color.slice(3, 6), Array(3).fill(grey.data[1]));
  const back = await lenetOf({ ...grey, channels: 3, data: Uint8Array.from(color) }, 1);
  // The weights add up to 0.9999.
  back.forEach((value, i) => {
    assert.ok(Math.abs(value - grey.data[i]! * 0.9999) < 1e-4);
  });
});

test('a drawn area has the aspect, size and place that it may have', () => {
  const image = hashedImage([90, 120, 1], 0);
  const next = random(3);
  const areas = Array.from({ length: 2000 }, () => drawArea(image, 0.1, next));
  for (const { top, left, height, width } of areas) {
    assert.ok(top >= 0 && left >= 0 && top + height <= 90 && left + width <= 120);
    assert.ok(height * width >= 0.1 * 90 * 120);
    // A side is a whole number of pixels.
    assert.ok((width + 0.5) / height >= 0.75 && (width - 0.5) / height <= 1.33);
  }
  const heights = areas.map(({ height }) => height);
  assert.equal(Math.max(...heights), 90);
  assert.ok(Math.min(...heights) < 33);
});

test('efficientnet takes the middle without a border, and crop_and_mirror leaves colours as they are', async () => {
  const engine = await createWasmEngine();
  const image = hashedImage([256, 300, 3], 2);
  const { data } = await preprocessed(
    engine,
    imagesFor('efficientnet', [224, 224, 3]),
    false,
    [image],
    noRandom,
  );
  for (const [y, x] of [
    [0, 0],
    [100, 17],
    [223, 223],
  ] as const) {
    const sample = image.data[((y + 16) * 300 + x + 38) * 3 + 1]!;
    assert.equal(data[(y * 224 + x) * 3 + 1], (sample - 127) / 128);
  }
  const small = hashedImage([32, 32, 3], 2);
  const input = imagesFor('crop_and_mirror', [32, 32, 3]);
  // The padded image from its fifth row and column on, which is the image.
  const middle = [0.5, 0.5, 0.75];
  const trained = await preprocessed(engine, input, true, [small], () => middle.shift()!);
  const evaluated = await preprocessed(engine, input, false, [small], noRandom);
  assert.deepEqual(trained, evaluated);
});

test("crop_and_mirror's crops reach over the border into no colour that the image lacks", async () => {
  const engine = await createWasmEngine();
  const input = imagesFor('crop_and_mirror', [32, 32, 3]);
  const grey = { width: 32, height: 32, channels: 3, data: new Uint8Array(32 * 32 * 3).fill(200) };
  const { data } = await preprocessed(engine, input, true, [grey], () => 0);
  const means = [123.68, 116.78, 103.94];
  assert.ok(data.every((value, i) => Math.abs(value - (200 - means[i % 3]!) / 64) < 1e-5));
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

test('without augmentation, a training has what an evaluation has', async () => {
  const engine = await createWasmEngine();
  const image = hashedImage([40, 52, 3], 1);
  for (const name of ['cifarnet', 'crop_and_mirror', 'vgg', 'inception', 'efficientnet']) {
    const input = { ...imagesFor(name, [24, 24, 3]), augmentation: 'none' } as const;
    assert.ok(!isAugmented(input), name);
    const [trained, evaluated] = [
      await preprocessed(engine, input, true, [image], random(3)),
      await preprocessed(engine, input, false, [image], noRandom),
    ];
    assert.deepEqual(trained.data, evaluated.data, name);
    const augmented = { ...input, augmentation: 'full' } as const;
    assert.ok(isAugmented(augmented), name);
    const drawn = await preprocessed(engine, augmented, true, [image], random(3));
    assert.notDeepEqual(drawn.data, evaluated.data, name);
  }
});
