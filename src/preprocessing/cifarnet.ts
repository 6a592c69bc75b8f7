/** Preprocessing of cifarnet, as TF-Slim has it (preprocessing/cifarnet_preprocessing.py). */
import type { Image } from '../../datasets/dataset.ts';
import type { Tensor } from '../graph/graph.ts';
import { add, div, maximum, mean, mul, sqrt, square, sub } from '../graph/ops/math.ts';
import { sizeOf } from '../graph/shape.ts';
import { numberOfEach } from './augmentation.ts';
import { copyWindow, cropOrPad, reflectBorder } from './crop.ts';
import {
  cropToSide,
  type Preprocessing,
  type PreprocessingForm,
  type TakeWindow,
} from './preprocessing.ts';

/** Pixels that each side gets before the random crop. */
const padding = 4;
/** Largest change of brightness, in steps of 1/255. */
const maxBrightnessDelta = 63;
const contrastRange = [0.2, 1.8] as const;

/**
 * The mean over rows, and over other axes then: float32 loses digits in a sum of thousands, which not
 * every engine prevents.
 */
function meanOf(images: Tensor, otherAxes: readonly number[]): Tensor {
  const keep = { keepDims: true };
  return mean(mean(images, [1], keep), otherAxes, keep);
}

/**
 * (x − mean) / max(stddev, 1/√N) over all values of an image (tf.image.per_image_standardization);
 * around the mean, for float32 keeps little of large squares.
 */
function standardize(images: Tensor): Tensor {
  const centered = sub(images, meanOf(images, [2, 3]));
  const stddev = sqrt(meanOf(square(centered), [2, 3]));
  const values = sizeOf(images.shape.slice(1));
  return div(centered, maximum(stddev, 1 / Math.sqrt(values)));
}

/** Scales each channel around its mean: (x − mean)·factor + mean (tf.image.adjust_contrast). */
function adjustContrast(images: Tensor, factor: Tensor): Tensor {
  const means = meanOf(images, [2]);
  return add(mul(sub(images, means), factor), means);
}

/**
 * Takes a random crop of an image with a border around it, mirrored or not.
 *
 * @param surround  gives the image with its border, or as it is: then there are zeros around it
 */
function takeRandomWindow(surround: (image: Image) => Image): TakeWindow {
  return (image, size, out, random) => {
    const surrounded = surround(image);
    const border = (surrounded.height - image.height) / 2;
    const offset = (from: number, to: number) =>
      Math.floor(random() * (from + 2 * padding - to + 1)) - padding + border;
    const top = offset(image.height, size[0]);
    const left = offset(image.width, size[1]);
    copyWindow(surrounded, top, left, size, out, random() < 0.5);
  };
}

const train: PreprocessingForm = {
  takeWindow: takeRandomWindow((image) => image),
  augmentation: {
    size: 2,
    draw: (random) => {
      const [low, high] = contrastRange;
      return [(2 * random() - 1) * maxBrightnessDelta, low + random() * (high - low)];
    },
  },
  normalize: (images, augmentation) => {
    const brighter = add(images, numberOfEach(augmentation!, 0));
    return standardize(adjustContrast(brighter, numberOfEach(augmentation!, 1)));
  },
};

const evaluate: PreprocessingForm = { takeWindow: cropOrPad, normalize: standardize };

/** With the augmentation that cifarnet was trained with. */
export const cifarnet: Preprocessing = { decodedSize: cropToSide, train, evaluate };

/**
 * Without changes of brightness and contrast: what small residual networks are trained with (He et al. 2015, §4.2).
 *
 * There zeros are added after the mean is subtracted. Here pixels are standardised by their window's own statistics,
 * which black borders would move to where those of no image are that comes without one.
 */
export const cropAndMirror: Preprocessing = {
  ...cifarnet,
  train: {
    takeWindow: takeRandomWindow((image) => reflectBorder(image, padding)),
    normalize: standardize,
  },
};
