/** What a network takes of each item, whatever the items are. */
import type { Dataset } from '../../datasets/dataset.ts';
import { allocate } from '../allocation.ts';
import { UsageError } from '../errors.ts';
import type { ImageShape } from './preprocessing.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Preprocessed images. */
export interface ImageInput {
  readonly kind: 'images';
  /** Of one image; with one channel, images in colour are turned to grey. */
  readonly shape: ImageShape;
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

/** What of it a graph depends on: of the vocabulary, its size alone. */
export type GraphInput =
  | ImageInput
  | (Omit<TextInput, 'vocabulary'> & { readonly vocabulary: { readonly size: number } });

/** Images as input of a network. */
export function imageInput(shape: ImageShape): ImageInput {
  return { kind: 'images', shape };
}

/** How the graph takes batches of them: name of the placeholder, and element type. */
export const inputTypes = {
  images: { name: 'images', dtype: 'float32' },
  texts: { name: 'token_ids', dtype: 'int32' },
} as const;

/** The values of prepared items: float32 for images, int32 for token ids. */
export type InputValues = Float32Array | Int32Array;

/** A buffer as the values of prepared items. */
export function inputValues(kind: ItemInput['kind'], buffer: ArrayBufferLike): InputValues {
  return kind === 'images' ? new Float32Array(buffer) : new Int32Array(buffer);
}

/**
 * Room for some prepared items.
 *
 * @param count  of the items
 * @param Type   of the buffer
 * @throws UserError  when they do not fit into the memory
 */
export function itemBuffer<B extends ArrayBufferLike>(
  count: number,
  input: Pick<ItemInput, 'kind' | 'shape'>,
  Type: new (bytes: number) => B,
): B {
  const bytes = count * inputSize(input) * Float32Array.BYTES_PER_ELEMENT;
  const flag =
    input.kind === 'images' ? '--train_image_size or --eval_image_size' : '--max_sequence_length';
  return allocate(
    () => new Type(bytes),
    `--batch_size: ${count} ${input.kind} of ${input.shape.join('×')}`,
    bytes,
    `Give a smaller --batch_size, ${flag}.`,
  );
}

/** What is said when a network takes items of another kind than the data set has. */
export function wrongKind(dataset: Dataset, { kind }: Pick<ItemInput, 'kind'>): UsageError {
  return new UsageError(
    `--dataset_name: ${dataset.name} holds ${dataset.kind}; the network takes ${kind}. Choose another --model_name.`,
  );
}

/** Values of one prepared item. */
export function inputSize({ shape }: Pick<ItemInput, 'shape'>): number {
  return shape.reduce<number>((product, size) => product * size, 1);
}
