/** The preprocessings by the name that --preprocessing_name takes. */
import { UsageError } from '../errors.ts';
import { cifarnet } from './cifarnet.ts';
import { cropAndMirror } from './cropAndMirror.ts';
import { efficientnet } from './efficientnet.ts';
import { inception } from './inception.ts';
import type { ImageInput, ItemInput } from './itemInput.ts';
import { lenet } from './lenet.ts';
import type { Preprocessing, PreprocessingForm } from './preprocessing.ts';
import { vgg } from './vgg.ts';

const preprocessings: Readonly<Record<string, Preprocessing>> = {
  cifarnet,
  crop_and_mirror: cropAndMirror,
  efficientnet,
  inception,
  lenet,
  vgg,
  // TF-Slim also takes the names of the networks that go with it.
  inception_v3: inception,
  mobilenet_v1: inception,
  mobilenet_v2: inception,
  resnet_v1_50: vgg,
  resnet_v1_101: vgg,
  resnet_v1_152: vgg,
  resnet_v2_50: vgg,
  vgg_a: vgg,
  vgg_16: vgg,
  vgg_19: vgg,
};

/** The one preprocessing of texts. */
const textPreprocessing = 'text';

/**
 * Checks --preprocessing_name before anything is made.
 *
 * @throws UsageError  when there is no such preprocessing for items of this kind
 */
export function checkPreprocessing(name: string, kind: ItemInput['kind']): void {
  if (kind === 'images') getPreprocessing(name);
  else if (name !== textPreprocessing) {
    throw new UsageError(
      `--preprocessing_name: got "${name}"; expected ${textPreprocessing} for texts.`,
    );
  }
}

/**
 * A preprocessing of images.
 *
 * @throws UsageError  when there is no such preprocessing, listing those that there are
 */
export function getPreprocessing(name: string): Preprocessing {
  const preprocessing = preprocessings[name];
  if (preprocessing === undefined) {
    const known = Object.keys(preprocessings).join(', ');
    throw new UsageError(`--preprocessing_name: got "${name}"; expected one of ${known}.`);
  }
  return preprocessing;
}

/** The form that images are preprocessed in: a training without augmentation has that of an evaluation. */
export function formOf(
  { preprocessingName, augmentation }: Pick<ImageInput, 'preprocessingName' | 'augmentation'>,
  isTraining: boolean,
): PreprocessingForm {
  const { train, evaluate } = getPreprocessing(preprocessingName);
  return isTraining && augmentation !== 'none' ? train : evaluate;
}

/** Whether an item of a training is never the same twice. */
export function isAugmented(input: ItemInput): boolean {
  return input.kind === 'images' && formOf(input, true) !== formOf(input, false);
}
