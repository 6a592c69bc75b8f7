/** Preprocessing of LeNet, as TF-Slim has it (preprocessing/lenet_preprocessing.py). */
import { div, sub } from '../graph/ops/math.ts';
import { cropOrPad } from './crop.ts';
import { cropToSide, type Preprocessing, type PreprocessingForm } from './preprocessing.ts';

/** Crops or pads to size and scales 0..255 to −1..0.992: (x − 128) / 128. */
const form: PreprocessingForm = {
  takeWindow: cropOrPad,
  normalize: (images) => div(sub(images, 128), 128),
};

/** The same for training and evaluation. */
export const lenet: Preprocessing = { decodedSize: cropToSide, train: form, evaluate: form };
