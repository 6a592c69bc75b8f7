/** What a network takes of each item, whatever the items are. */
import type { Dataset } from '../../datasets/dataset.ts';
import { UsageError } from '../errors.ts';
import type { ImageShape } from './preprocessing.ts';
import type { Vocabulary } from './vocabulary.ts';

/** How images of a training are augmented, as --augmentation has it. */
export const augmentationChoices = ['full', 'none'] as const;
/** One of them. */
export type AugmentationChoice = (typeof augmentationChoices)[number];

/** Images as the network takes them, with no preprocessing before it. */
interface PreprocessedImages {
  readonly kind: 'images';
  /** Of one preprocessed image. */
  readonly shape: ImageShape;
}

/** Images that are preprocessed. */
export interface ImageInput extends PreprocessedImages {
  /** Channels of the images as they are read; with one in the shape, colour is turned to grey. */
  readonly sourceChannels: number;
  /** As --preprocessing_name has it. */
  readonly preprocessingName: string;
  /** Whether images of a training are augmented; they are unless it says no. */
  readonly augmentation?: AugmentationChoice;
}

/** Texts as the numbers of their tokens. */
interface TextInput {
  readonly kind: 'texts';
  /** [time]: tokens of one text; longer texts are cut, shorter ones padded with 0. */
  readonly shape: readonly [time: number];
  readonly vocabulary: Vocabulary;
}

/** How the items of a data set go into a network. */
export type ItemInput = ImageInput | TextInput;

/** What of it a graph depends on: of the vocabulary, its size alone; images may come preprocessed. */
export type GraphInput =
  | ImageInput
  | PreprocessedImages
  | (Omit<TextInput, 'vocabulary'> & { readonly vocabulary: { readonly size: number } });

/** Preprocessed images as input of a graph. */
export function preprocessedImages(shape: ImageShape): PreprocessedImages {
  return { kind: 'images', shape };
}

/** What is said when a network takes items of another kind than the data set has. */
export function wrongKind(dataset: Dataset, { kind }: Pick<ItemInput, 'kind'>): UsageError {
  return new UsageError(
    `--dataset_name: ${dataset.name} holds ${dataset.kind}; the network takes ${kind}. Choose another --model_name.`,
  );
}
