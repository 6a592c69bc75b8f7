/**
 * Preprocessing of the EfficientNets without squeeze-and-excitation, as their authors have it
 * (tensorflow/tpu, models/official/efficientnet/preprocessing.py and lite/efficientnet_lite_builder.py), but that
 * images are resized bilinearly, after libvips has made them smaller.
 */
import type { Tensor } from '../graph/graph.ts';
import { concat, reshape } from '../graph/ops/array.ts';
import { add, div, floor, maximum, min, mul, sub } from '../graph/ops/math.ts';
import type { Normalize, Preprocessing, TakeWindow } from './preprocessing.ts';
import { randomArea, resizeArea } from './randomArea.ts';
import {
  cropInGraph,
  resizeInGraph,
  sizeInGraph,
  type WindowSize,
  windowSizeInGraph,
} from './windowInGraph.ts';

/** Share of the image that a window has at least. */
const minArea = 0.08;
/** Of images that are this much larger than the network's, an evaluation takes the middle, in pixels. */
const border = 32;

const normalize: Normalize = (images) => div(sub(images, 127), 128);

/** The middle square, without a border; its side in float32, as in the graph. */
const takeCentralWindow: TakeWindow = (image, size, out) => {
  const shorterSide = Math.min(image.height, image.width);
  const share = Math.fround(size[0] / (size[0] + border));
  const side = Math.max(1, Math.floor(Math.fround(share * shorterSide)));
  const offset = (from: number) => Math.floor((from - side + 1) / 2);
  const [top, left] = [offset(image.height), offset(image.width)];
  resizeArea(image, { top, left, height: side, width: side }, size, out);
};

/** The same in the graph. */
function centralWindowInGraph(images: Tensor, window: WindowSize): Tensor {
  const size = sizeInGraph(images);
  const share = window[0] / (window[0] + border);
  const side = maximum(floor(mul(min(size), share)), 1);
  const square = concat([reshape(side, [1]), reshape(side, [1])], 0);
  const corner = floor(mul(add(sub(size, square), 1), 0.5));
  return resizeInGraph(cropInGraph(images, corner, square), windowSizeInGraph(images, window));
}

/** With random windows, mirrored or not. */
export const efficientnet: Preprocessing = {
  decodedSize: (side) => ({ side: side + border, fit: 'shrink' }),
  train: { takeWindow: randomArea(minArea), normalize },
  evaluate: { takeWindow: takeCentralWindow, windowInGraph: centralWindowInGraph, normalize },
};
