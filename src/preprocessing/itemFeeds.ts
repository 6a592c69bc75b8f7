/** How prepared items lie in memory, from the thread that prepares them to the placeholders of the graph. */
import { allocate } from '../allocation.ts';
import type { HostTensor } from '../engines/engine.ts';
import { sizeOf } from '../graph/shape.ts';
import { formOf } from './factory.ts';
import type { GraphInput, ImageInput } from './itemInput.ts';

/** What of each item one placeholder of the graph takes. */
export interface ItemFeed {
  readonly name: string;
  readonly dtype: 'float32' | 'int32';
  /** Of one item. */
  readonly shape: readonly number[];
}

/** Samples that one int32 holds: no engine is fed bytes. */
const samplesPerWord = 4;

/** Samples of one image before it is given the network's channels. */
export function windowSize({ shape: [height, width], sourceChannels }: ImageInput): number {
  return height * width * sourceChannels;
}

/**
 * The placeholders that take items:
 *
 * - of images that are preprocessed, `images` int32 [words], four samples in each, the first one the
 *   least significant; and where training augments in the graph, `augmentation` float32 [size]
 * - of preprocessed images, `images` float32 [height, width, channels]
 * - of texts, `token_ids` int32 [time]
 */
export function itemFeeds(input: GraphInput, isTraining: boolean): readonly ItemFeed[] {
  if (input.kind === 'texts') return [{ name: 'token_ids', dtype: 'int32', shape: input.shape }];
  if (!('preprocessingName' in input)) {
    return [{ name: 'images', dtype: 'float32', shape: input.shape }];
  }
  const words = Math.ceil(windowSize(input) / samplesPerWord);
  const size = formOf(input, isTraining).augmentation?.size;
  return [
    { name: 'images', dtype: 'int32', shape: [words] },
    ...(size ? [{ name: 'augmentation', dtype: 'float32', shape: [size] } as const] : []),
  ];
}

/** Room for a batch of items, and what of it the graph is fed. */
export class ItemMemory<Memory extends ArrayBufferLike = ArrayBufferLike> {
  readonly #feeds: readonly ItemFeed[];
  readonly #capacity: number;
  readonly #Memory: new (
    bytes: number,
  ) => Memory;
  readonly #description: string;
  readonly #advice: string;

  /**
   * @param capacity  items at most
   * @param Memory    that can be shared with threads or not
   */
  constructor(
    input: GraphInput,
    isTraining: boolean,
    capacity: number,
    Memory: new (bytes: number) => Memory,
  ) {
    this.#feeds = itemFeeds(input, isTraining);
    this.#capacity = capacity;
    this.#Memory = Memory;
    this.#description = `${capacity} ${input.kind} of ${input.shape.join('×')}`;
    this.#advice =
      input.kind === 'images' ? '--train_image_size or --eval_image_size' : '--max_sequence_length';
  }

  /** Memory for as many items as there may be. @throws UserError when there is not as much */
  allocate(): Memory {
    const bytes = this.#feeds.reduce((sum, feed) => sum + this.#bytesOf(feed), 0);
    return allocate(
      () => new this.#Memory(bytes),
      `--batch_size: ${this.#description}`,
      bytes,
      `Give a smaller --batch_size, ${this.#advice}.`,
    );
  }

  /**
   * What lies in such memory, by placeholder: [count, shape of one item].
   *
   * @param count  items, from the first one on
   */
  feedsIn(memory: ArrayBufferLike, count = this.#capacity): Record<string, HostTensor> {
    const tensors: Record<string, HostTensor> = {};
    let offset = 0;
    for (const feed of this.#feeds) {
      const { name, dtype, shape } = feed;
      const length = count * sizeOf(shape);
      const data =
        dtype === 'int32'
          ? new Int32Array(memory, offset, length)
          : new Float32Array(memory, offset, length);
      tensors[name] = { data, shape: [count, ...shape] };
      offset += this.#bytesOf(feed);
    }
    return tensors;
  }

  #bytesOf({ shape }: ItemFeed): number {
    return this.#capacity * sizeOf(shape) * Int32Array.BYTES_PER_ELEMENT;
  }
}
