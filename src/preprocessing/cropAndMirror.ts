/** What small residual networks are trained with on 32×32 images (He et al. 2015, §4.2). */
import type { Tensor } from '../graph/graph.ts';
import { constant } from '../graph/ops/array.ts';
import { mul, sub } from '../graph/ops/math.ts';
import { meansOf } from './channels.ts';
import { cropOrPad, reflectBorder, takeShiftedWindow } from './crop.ts';
import { cropToSide, type Preprocessing } from './preprocessing.ts';

/** Pixels that each side gets before the random crop. */
const padding = 4;
/** About the standard deviation of samples of photographs, 0..255. */
const deviation = 64;

function centerAndScale(images: Tensor): Tensor {
  const means = constant(images.graph, 'float32', meansOf(images.shape[3]!));
  return mul(sub(images, means), 1 / deviation);
}

/**
 * A crop shifted by some pixels, mirrored or not; the mean colour subtracted.
 *
 * There the mean of each pixel over the data is subtracted, and zeros surround what is left. Here crops are taken
 * before, while zeros would be black: images are surrounded by their own pixels.
 */
export const cropAndMirror: Preprocessing = {
  decodedSize: cropToSide,
  train: {
    takeWindow: takeShiftedWindow((image) => reflectBorder(image, padding), padding),
    normalize: centerAndScale,
  },
  evaluate: { takeWindow: cropOrPad, normalize: centerAndScale },
};
