/** Images on their way into a network. */
import type { Image } from '../../datasets/dataset.ts';
import type { Engine, HostTensor } from '../../src/engines/engine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { identity } from '../../src/graph/ops/array.ts';
import { addBatchInput } from '../../src/model/batchInput.ts';
import { ItemMemory } from '../../src/preprocessing/itemFeeds.ts';
import type { ImageInput } from '../../src/preprocessing/itemInput.ts';
import { imagePreparation } from '../../src/preprocessing/prepareImage.ts';
import type { ImageShape } from '../../src/preprocessing/preprocessing.ts';

/** Images that a preprocessing makes those of a network of. @param sourceChannels as many by default */
export function imagesFor(
  preprocessingName: string,
  shape: ImageShape,
  sourceChannels = shape[2],
): ImageInput {
  return { kind: 'images', shape, sourceChannels, preprocessingName };
}

/** The samples of a batch's windows, row by row. */
export function samplesIn(feeds: Readonly<Record<string, HostTensor>>): Uint8Array {
  const { buffer, byteOffset, byteLength } = feeds['images']!.data;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Images as the network takes them, [n, height, width, channels]. */
export async function preprocessed(
  engine: Engine,
  input: ImageInput,
  isTraining: boolean,
  images: readonly Image[],
  random: () => number,
): Promise<HostTensor> {
  const memory = new ItemMemory(input, isTraining, images.length, ArrayBuffer);
  const feeds = memory.feedsIn(memory.allocate());
  const prepare = imagePreparation(input, isTraining);
  for (const [row, image] of images.entries()) prepare(image, feeds, row, random);
  const graph = new Graph();
  const { inputs, items } = addBatchInput(graph, input, isTraining);
  const outputs = { items: identity(items) };
  const session = await engine.load(graph, { preprocess: { inputs, outputs } });
  try {
    return (await session.run('preprocess', feeds))['items']!;
  } finally {
    await session.close();
  }
}
