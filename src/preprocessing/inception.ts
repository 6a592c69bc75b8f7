/**
 * Preprocessing of Inception and MobileNet, as TF-Slim has it (preprocessing/inception_preprocessing.py, fast
 * mode), but that resized samples are rounded to whole numbers, since they travel as bytes.
 */
import type { Tensor } from '../graph/graph.ts';
import { add, div, floor, max, maximum, min, minimum, mul, sub } from '../graph/ops/math.ts';
import { numberOfEach } from './augmentation.ts';
import type { Preprocessing, PreprocessingForm, TakeWindow } from './preprocessing.ts';
import { randomArea, resizeArea } from './randomArea.ts';
import {
  cropInGraph,
  resizeInGraph,
  sizeInGraph,
  type WindowSize,
  windowSizeInGraph,
} from './windowInGraph.ts';

/** Share of the image that a window has at least: what the sampled box has to cover of it. */
const minArea = 0.1;
/** Share of height and width that an evaluation takes from the middle is 1 − 2/16. */
const borderShare = 1 / 16;
/** Largest change of brightness, of samples of 0..1. */
const maxBrightnessDelta = 32 / 255;
const saturationRange = [0.5, 1.5] as const;
/** Shorter side of decoded images in pixels, where they have more: a window is a part of it. */
const decodedSide = 512;

const keep = { keepDims: true };

/**
 * Scales the saturation of hue, saturation and value (tf.image.adjust_saturation): the distance of each
 * channel to the largest one, as far as the smallest one does not fall below 0.
 *
 * @param factor  float32 [n, 1, 1, 1]
 */
function adjustSaturation(images: Tensor, factor: Tensor): Tensor {
  const value = max(images, [3], keep);
  const range = maximum(sub(value, min(images, [3], keep)), 1e-9);
  const scale = minimum(factor, div(maximum(value, 0), range));
  return sub(value, mul(sub(value, images), scale));
}

/** 0..1 to −1..1. */
function center(images: Tensor): Tensor {
  return mul(sub(images, 0.5), 2);
}

const train: PreprocessingForm = {
  takeWindow: randomArea(minArea),
  augmentation: {
    size: 3,
    // One of four orders begins with the brightness, the others are the same.
    draw: (random) => {
      const delta = (2 * random() - 1) * maxBrightnessDelta;
      const [low, high] = saturationRange;
      const factor = low + random() * (high - low);
      return random() < 0.25 ? [delta, factor, 0] : [0, factor, delta];
    },
  },
  normalize: (images, augmentation) => {
    const brighter = add(div(images, 255), numberOfEach(augmentation!, 0));
    const saturated = adjustSaturation(brighter, numberOfEach(augmentation!, 1));
    const distorted = add(saturated, numberOfEach(augmentation!, 2));
    return center(minimum(maximum(distorted, 0), 1));
  },
};

/** The middle, resized whatever its aspect. */
const takeCentralWindow: TakeWindow = (image, size, out) => {
  const { height, width } = image;
  const [top, left] = [Math.floor(height * borderShare), Math.floor(width * borderShare)];
  const area = { top, left, height: height - 2 * top, width: width - 2 * left };
  resizeArea(image, area, size, out);
};

/** The same in the graph. */
function centralWindowInGraph(images: Tensor, window: WindowSize): Tensor {
  const size = sizeInGraph(images);
  const corner = floor(mul(size, borderShare));
  const middle = cropInGraph(images, corner, sub(size, mul(corner, 2)));
  return resizeInGraph(middle, windowSizeInGraph(images, window));
}

/** With the augmentation that the Inception networks and MobileNets were trained with. */
export const inception: Preprocessing = {
  decodedSize: (side) => ({ side: Math.max(side, decodedSide), fit: 'shrink' }),
  train,
  evaluate: {
    takeWindow: takeCentralWindow,
    windowInGraph: centralWindowInGraph,
    normalize: (images) => center(div(images, 255)),
  },
};
