/** What the network of a run takes of each item. */
import { dirname, join } from 'node:path';
import type { Dataset } from '../../datasets/dataset.ts';
import type { DecodedSize } from '../../datasets/imageStore.ts';
import { UserError } from '../errors.ts';
import { imageSideOf } from '../nets/imageSide.ts';
import type { NetworkDefinition } from '../nets/network.ts';
import { getPreprocessing } from '../preprocessing/factory.ts';
import { type AugmentationChoice, type ItemInput, wrongKind } from '../preprocessing/itemInput.ts';
import {
  buildVocabulary,
  readVocabulary,
  type Vocabulary,
  vocabularyFile,
} from '../preprocessing/vocabulary.ts';
import { readRunRecord } from '../runFiles/runRecord.ts';
import { tell } from '../terminal.ts';

/** The flags that the input depends on. */
export interface InputOptions {
  /** Side of square images in pixels; by default that of the network. */
  readonly imageSize?: number | undefined;
  readonly use_grayscale?: boolean;
  readonly preprocessing_name?: string | undefined;
  /** Of images that are trained on; full by default. */
  readonly augmentation?: AugmentationChoice;
  /** Tokens of a text at most; by default those of the network. */
  readonly max_sequence_length?: number | undefined;
}

/** What --preprocessing_name stands for: left out, the preprocessing that goes with the network. */
export function preprocessingNameOf(
  { preprocessingName }: NetworkDefinition,
  { preprocessing_name }: Pick<InputOptions, 'preprocessing_name'>,
): string {
  return preprocessing_name ?? preprocessingName;
}

/** The size that compressed images are decoded to for a network; undefined for a network of texts. */
export function decodedSizeOf(
  network: NetworkDefinition,
  options: Pick<InputOptions, 'imageSize' | 'preprocessing_name'>,
): DecodedSize | undefined {
  const side = imageSideOf(network, options.imageSize);
  if (side === null) return undefined;
  return getPreprocessing(preprocessingNameOf(network, options)).decodedSize(side);
}

/**
 * What a network takes of the items of a data set: square images, grey with --use_grayscale, or
 * token ids.
 *
 * @param vocabulary  gives the words of the run, for texts; by default those of the data set
 * @throws UsageError  when the network takes items of another kind
 */
export async function networkInput(
  network: NetworkDefinition,
  dataset: Dataset,
  options: InputOptions = {},
  vocabulary?: () => Promise<Vocabulary>,
): Promise<ItemInput> {
  if (network.takes === 'texts' && dataset.kind === 'texts') {
    const length = options.max_sequence_length ?? network.defaultSequenceLength;
    const words = await (vocabulary?.() ?? buildVocabulary(dataset.texts));
    return { kind: 'texts', shape: [length], vocabulary: words };
  }
  if (network.takes !== 'texts' && dataset.kind === 'images') {
    const side = imageSideOf(network, options.imageSize);
    const sourceChannels = dataset.imageShape[2];
    return {
      kind: 'images',
      shape: [side, side, options.use_grayscale ? 1 : sourceChannels],
      sourceChannels,
      preprocessingName: preprocessingNameOf(network, options),
      augmentation: options.augmentation ?? 'full',
    };
  }
  throw wrongKind(dataset, { kind: network.takes ?? 'images' });
}

/**
 * The words of a training run: those of the checkpoint that it goes on from, whose vectors are theirs,
 * or else the most frequent ones of the data.
 *
 * @param checkpoint  the run's own latest one, or that of --checkpoint_path; undefined for none
 * @param maxSize     words at most
 * @throws UserError  when they are not those that the checkpoint's run was trained with
 */
export async function trainingVocabulary(
  checkpoint: string | undefined,
  dataset: Dataset,
  maxSize: number,
): Promise<Vocabulary> {
  const ofData = () => buildVocabulary(dataset.kind === 'texts' ? dataset.texts : [], maxSize);
  return checkpoint === undefined ? ofData() : recordedVocabulary(dirname(checkpoint), ofData);
}

/**
 * The words of the run that a checkpoint is of.
 *
 * @param folder  of the checkpoint
 * @param ofData  gives what is taken where they are not beside it, with a line that says so
 * @throws UserError  when there are none, or they are not those that the run was trained with
 */
export async function recordedVocabulary(
  folder: string,
  ofData?: () => Vocabulary,
): Promise<Vocabulary> {
  const path = join(folder, vocabularyFile);
  const found = await readVocabulary(path);
  const vocabulary = found ?? ofData?.();
  if (vocabulary === undefined) {
    throw new UserError(
      `${path}: is missing; expected the words of the run beside its checkpoint.`,
    );
  }
  const recorded = (await readRunRecord(folder))?.dataset.vocabularySha256;
  if (recorded !== undefined && recorded !== vocabulary.sha256) {
    const what = found === null ? 'is missing, and the data have' : 'holds';
    throw new UserError(
      `${path}: ${what} other words than the run was trained with, or in another order; expected the file as the run wrote it.`,
    );
  }
  if (found === null) {
    const which =
      recorded === undefined
        ? 'perhaps others than the run was trained with'
        : 'which are the same';
    tell(`${path}: is missing; the words of the data are taken, ${which}`);
  }
  return vocabulary;
}
