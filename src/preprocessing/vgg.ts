/**
 * Preprocessing of VGG and ResNet, as TF-Slim has it (preprocessing/vgg_preprocessing.py), but that
 * resized samples are rounded to whole numbers, since they travel as bytes.
 */

import type { Image } from '../../datasets/dataset.ts';
import type { Tensor } from '../graph/graph.ts';
import { constant } from '../graph/ops/array.ts';
import { div, floor, max, maximum, min, mul, rint, sub } from '../graph/ops/math.ts';
import { meansOf } from './channels.ts';
import type { Preprocessing, TakeWindow } from './preprocessing.ts';
import { resizeBilinear } from './resize.ts';
import {
  cropInGraph,
  resizeInGraph,
  sizeInGraph,
  type WindowSize,
  windowSizeInGraph,
} from './windowInGraph.ts';

/** Shorter side of the resized image in pixels: the first for evaluation, between them to train. */
const shorterSides = [256, 512] as const;

/** Rounds halves to even (tf.math.rint). */
function roundToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Height and width with the given shorter side and the image's aspect; larger where the crop would
 * not fit otherwise. In float32, as TensorFlow has it.
 */
function resizedSize(
  { height, width }: Image,
  [cropHeight, cropWidth]: readonly [height: number, width: number],
  shorterSide: number,
): [height: number, width: number] {
  const scale = Math.fround(
    Math.max(shorterSide / Math.min(height, width), cropHeight / height, cropWidth / width),
  );
  return [roundToEven(Math.fround(height * scale)), roundToEven(Math.fround(width * scale))];
}

/** Random size, random crop, mirrored or not. */
const takeRandomWindow: TakeWindow = (image, size, out, random) => {
  const [smallest, largest] = shorterSides;
  const shorterSide = smallest + Math.floor(random() * (largest - smallest + 1));
  const [height, width] = resizedSize(image, size, shorterSide);
  const top = Math.floor(random() * (height - size[0] + 1));
  const left = Math.floor(random() * (width - size[1] + 1));
  resizeBilinear(image, [height, width], top, left, size, out, random() < 0.5);
};

/** Resized to the smallest size, the middle. */
const takeCentralWindow: TakeWindow = (image, size, out) => {
  const [height, width] = resizedSize(image, size, shorterSides[0]);
  const top = Math.floor((height - size[0]) / 2);
  const left = Math.floor((width - size[1]) / 2);
  resizeBilinear(image, [height, width], top, left, size, out);
};

/** The same in the graph. */
function centralWindowInGraph(images: Tensor, window: WindowSize): Tensor {
  const size = sizeInGraph(images);
  const crop = windowSizeInGraph(images, window);
  const shorterSide = constant(images.graph, 'float32', shorterSides[0]);
  const scale = maximum(div(shorterSide, min(size)), max(div(crop, size)));
  const resized = rint(mul(size, scale));
  const corner = floor(mul(sub(resized, crop), 0.5));
  return cropInGraph(resizeInGraph(images, resized), corner, crop);
}

function subtractMeans(images: Tensor): Tensor {
  return sub(images, constant(images.graph, 'float32', meansOf(images.shape[3]!)));
}

/** With the augmentation that the VGG networks and ResNets were trained with. */
export const vgg: Preprocessing = {
  // It resizes itself: more pixels than the largest size has are not needed.
  decodedSize: (side) => ({ side: Math.max(side, shorterSides[1]), fit: 'shrink' }),
  train: { takeWindow: takeRandomWindow, normalize: subtractMeans },
  evaluate: {
    takeWindow: takeCentralWindow,
    windowInGraph: centralWindowInGraph,
    normalize: subtractMeans,
  },
};
