/** Preprocessing of cifarnet, as TF-Slim has it (preprocessing/cifarnet_preprocessing.py). */
import type { Tensor } from '../graph/graph.ts';
import { add, div, maximum, mean, mul, sqrt, square, sub } from '../graph/ops/math.ts';
import { sizeOf } from '../graph/shape.ts';
import { numberOfEach } from './augmentation.ts';
import { cropOrPad, takeShiftedWindow } from './crop.ts';
import { cropToSide, type Preprocessing, type PreprocessingForm } from './preprocessing.ts';

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

const train: PreprocessingForm = {
  takeWindow: takeShiftedWindow((image) => image, padding),
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
