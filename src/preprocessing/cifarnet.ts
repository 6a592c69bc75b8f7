/** Preprocessing of cifarnet, as TF-Slim has it (preprocessing/cifarnet_preprocessing.py). */
import { div, maximum, mean, sqrt, square, sub } from '../graph/ops/math.ts';
import { sizeOf } from '../graph/shape.ts';
import { copyWindow, cropOrPad } from './crop.ts';
import {
  cropToSide,
  type Normalize,
  type PreprocessImage,
  type Preprocessing,
} from './preprocessing.ts';

/** Zeros on each side before the random crop, in pixels. */
const padding = 4;
/** Largest change of brightness, in steps of 1/255. */
const maxBrightnessDelta = 63;
const contrastRange = [0.2, 1.8] as const;

/** (x − mean) / max(stddev, 1/√N) over all values (tf.image.per_image_standardization). */
function standardize(values: Float32Array): void {
  let sum = 0;
  let squares = 0;
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / values.length;
  const variance = Math.max(0, squares / values.length - mean * mean);
  const scale = 1 / Math.max(Math.sqrt(variance), 1 / Math.sqrt(values.length));
  for (let i = 0; i < values.length; i++) values[i] = (values[i]! - mean) * scale;
}

/** Scales each channel around its mean: (x − mean)·factor + mean (tf.image.adjust_contrast). */
function adjustContrast(values: Float32Array, channels: number, factor: number): void {
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let i = c; i < values.length; i += channels) sum += values[i]!;
    const mean = sum / (values.length / channels);
    for (let i = c; i < values.length; i += channels) {
      values[i] = (values[i]! - mean) * factor + mean;
    }
  }
}

/** Random crop of the padded image, flip, brightness, contrast, standardisation, in this order. */
const train: PreprocessImage = (image, shape, out, random) => {
  const [height, width, channels] = shape;
  const randomOffset = (size: number, target: number) =>
    Math.floor(random() * (size + 2 * padding - target + 1)) - padding;
  const top = randomOffset(image.height, height);
  const left = randomOffset(image.width, width);
  copyWindow(image, top, left, shape, out, random() < 0.5);
  const delta = (2 * random() - 1) * maxBrightnessDelta;
  for (let i = 0; i < out.length; i++) out[i] = out[i]! + delta;
  const [low, high] = contrastRange;
  adjustContrast(out, channels, low + random() * (high - low));
  standardize(out);
};

/** Crops or pads to size and standardises. */
const evaluate: PreprocessImage = (image, shape, out) => {
  cropOrPad(image, shape, out);
  standardize(out);
};

/** Standardisation of each image; around the mean, for float32 keeps little of large squares. */
const normalize: Normalize = (images) => {
  const axes = [1, 2, 3];
  const keep = { keepDims: true };
  const centered = sub(images, mean(images, axes, keep));
  const stddev = sqrt(mean(square(centered), axes, keep));
  const values = sizeOf(images.shape.slice(1));
  return div(centered, maximum(stddev, 1 / Math.sqrt(values)));
};

/** With the augmentation that cifarnet was trained with. */
export const cifarnet: Preprocessing = { decodedSize: cropToSide, train, evaluate, normalize };
