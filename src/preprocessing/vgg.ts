/** Preprocessing of VGG and ResNet, as TF-Slim has it (preprocessing/vgg_preprocessing.py). */
import { constant } from '../graph/ops/array.ts';
import { sub } from '../graph/ops/math.ts';
import { luminanceWeights } from './channels.ts';
import type { ImageShape, PreprocessImage, Preprocessing, SourceImage } from './preprocessing.ts';
import { resizeBilinear } from './resize.ts';

/** Mean of red, green and blue over ImageNet, 0..255. */
const meanColor = [123.68, 116.78, 103.94] as const;
/** Shorter side of the resized image in pixels: the first for evaluation, between them to train. */
const shorterSides = [256, 512] as const;

/** What is subtracted from each channel; of grey images, the luminance of the mean colour. */
function meansOf(channels: number): readonly number[] {
  if (channels !== 1) return meanColor;
  return [meanColor.reduce((sum, mean, c) => sum + mean * luminanceWeights[c]!, 0)];
}

/** Rounds halves to even (tf.math.rint). */
function roundToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Height and width with the given shorter side and the image's aspect; larger where the crop would
 * not fit otherwise.
 */
function resizedSize(
  { height, width }: SourceImage,
  [cropHeight, cropWidth]: ImageShape,
  shorterSide: number,
): [height: number, width: number] {
  const scale = Math.max(
    shorterSide / Math.min(height, width),
    cropHeight / height,
    cropWidth / width,
  );
  return [roundToEven(height * scale), roundToEven(width * scale)];
}

function subtractMeans(values: Float32Array, channels: number): void {
  const means = meansOf(channels);
  for (let i = 0; i < values.length; i++) values[i] = values[i]! - means[i % channels]!;
}

/** Random size, random crop, flip, mean colour subtracted. */
const train: PreprocessImage = (image, shape, out, random) => {
  const [smallest, largest] = shorterSides;
  const shorterSide = smallest + Math.floor(random() * (largest - smallest + 1));
  const [height, width] = resizedSize(image, shape, shorterSide);
  const top = Math.floor(random() * (height - shape[0] + 1));
  const left = Math.floor(random() * (width - shape[1] + 1));
  resizeBilinear(image, [height, width], top, left, shape, out, random() < 0.5);
  subtractMeans(out, shape[2]);
};

/** Resized to the smallest size, the middle, mean colour subtracted. */
const evaluate: PreprocessImage = (image, shape, out) => {
  const [height, width] = resizedSize(image, shape, shorterSides[0]);
  const top = Math.floor((height - shape[0]) / 2);
  const left = Math.floor((width - shape[1]) / 2);
  resizeBilinear(image, [height, width], top, left, shape, out);
  subtractMeans(out, shape[2]);
};

/** With the augmentation that the VGG networks and ResNets were trained with. */
export const vgg: Preprocessing = {
  // It resizes itself: more pixels than the largest size has are not needed.
  decodedSize: (side) => ({ side: Math.max(side, shorterSides[1]), fit: 'shrink' }),
  train,
  evaluate,
  normalize: (images) => sub(images, constant(images.graph, 'float32', meansOf(images.shape[3]!))),
};
