/** The selected items and some others at Hs, for TensorBoard's Projector tab. */
import { join } from 'node:path';
import { type Dataset, type Image, type ImageDataset, imagesOf } from '../../datasets/dataset.ts';
import { argMax } from '../argMax.ts';
import type { HostTensor, Session } from '../engines/engine.ts';
import { EventWriter } from '../events/eventWriter.ts';
import { maxSpriteSide, writeEmbedding } from '../events/projector.ts';
import { textSummary } from '../events/summaries.ts';
import { BatchPipeline, type BatchPipelineOptions } from '../preprocessing/batchPipeline.ts';
import { permutation, random, streams } from '../random.ts';
import { probabilityText } from '../views/draw/numberText.ts';
import type { Sprite } from '../views/draw/sprite.ts';

/** What an embedding is made of. */
export interface SelectionEmbeddingOptions {
  /** With the signature `embed`. */
  readonly session: Session;
  readonly dataset: Dataset;
  readonly pipeline: Pick<BatchPipelineOptions, 'input' | 'seed'>;
  /** Hs */
  readonly selectionLayer: string;
  /** Items of the last selection in rank order. */
  readonly selected: readonly number[];
  readonly plantedErrors: ReadonlySet<number> | undefined;
  /** Items beside the selected ones, by chance. */
  readonly randomItems: number;
  readonly trainDir: string;
  readonly step: number;
}

/** Nobody waits longer for items by chance, however slow the network; the selected ones all come. */
const maxSeconds = 10;
const batchSize = 50;
/** The mean over height and width of [n, height, width, channels]; [n, units] as it is. */
function pooled({ data, shape }: HostTensor): { vectors: Float32Array; dimensions: number } {
  const dimensions = shape.at(-1)!;
  const [items] = shape as [number];
  const positions = data.length / (items * dimensions);
  if (positions === 1) return { vectors: Float32Array.from(data), dimensions };
  const vectors = new Float32Array(items * dimensions);
  for (let i = 0; i < data.length; i++) {
    const item = Math.floor(i / (positions * dimensions));
    vectors[item * dimensions + (i % dimensions)]! += data[i]! / positions;
  }
  return { vectors, dimensions };
}

async function spriteOf(dataset: ImageDataset, items: Uint32Array): Promise<Sprite> {
  // Here, not above: with it the canvas is loaded, and most of a run needs none on this thread.
  const { drawSprite } = await import('../views/draw/sprite.ts');
  const pictures: Image[] = [];
  for await (const { image } of imagesOf(dataset, items)) pictures.push(image);
  return drawSprite(pictures, maxSpriteSide);
}

/**
 * Classifies the selected items and some others once more, without augmentation and dropout, and
 * writes what Hs holds of them into `train_dir/projector-STEP`. It is a run of its own, new to a
 * TensorBoard that is open already: in a run that it knows it would not look for the files again.
 *
 * @returns  the number of items
 */
export async function writeSelectionEmbedding(options: SelectionEmbeddingOptions): Promise<number> {
  const { session, dataset, selected, selectionLayer, randomItems, step, plantedErrors } = options;
  const ranks = new Map(selected.map((item, i) => [item, i + 1]));
  const order = permutation(dataset.items.length, random(options.pipeline.seed, streams.embedding));
  const others = Array.from(order, (i) => dataset.items[i]!)
    .filter((item) => !ranks.has(item))
    .slice(0, randomItems);
  const items = Uint32Array.from([...selected, ...others]);
  if (items.length === 0) return 0;
  const pipeline = new BatchPipeline(
    { ...dataset, items },
    { ...options.pipeline, isTraining: false, batchSize, numThreads: 1 },
  );
  const deadlineMs = performance.now() + 1000 * maxSeconds;
  const vectors: Float32Array[] = [];
  const rows: string[][] = [];
  let dimensions = 0;
  try {
    for await (const { feeds, labels, itemIndices } of pipeline.epoch(0)) {
      const { embedding, probabilities } = await session.run('embed', feeds);
      const part = pooled(embedding!);
      dimensions = part.dimensions;
      vectors.push(part.vectors);
      const classes = dataset.classNames.length;
      itemIndices.forEach((item, row) => {
        const own = probabilities!.data.subarray(row * classes, (row + 1) * classes);
        const output = argMax(own);
        rows.push([
          String(item),
          dataset.classNames[labels[row]!]!,
          Number.isNaN(own[output]) ? 'not a number' : dataset.classNames[output]!,
          probabilityText(own[output]!),
          ranks.has(item) ? 'selected' : 'by chance',
          String(ranks.get(item) ?? ''),
          ...(plantedErrors ? [plantedErrors.has(item) ? 'planted error' : 'as given'] : []),
          ...(dataset.kind === 'texts' ? [dataset.texts[item]!] : []),
        ]);
      });
      if (rows.length >= selected.length && performance.now() > deadlineMs) break;
    }
  } finally {
    await pipeline.close();
  }
  const folder = join(options.trainDir, `projector-${step}`);
  const columns = [
    ...['item', 'label', 'output', 'probability', 'chosen', 'rank'],
    ...(plantedErrors ? ['label is'] : []),
    ...(dataset.kind === 'texts' ? ['text'] : []),
  ];
  await writeEmbedding(folder, {
    name: `${selectionLayer}, step ${step}`,
    vectors: Float32Array.from(vectors.flatMap((part) => Array.from(part))),
    dimensions,
    columns,
    rows,
    ...(dataset.kind === 'images'
      ? { sprite: await spriteOf(dataset, items.subarray(0, rows.length)) }
      : {}),
  });
  // What makes the folder a run.
  const writer = await EventWriter.create(folder, step);
  try {
    const text = `${rows.length} items at ${selectionLayer} after ${step} steps: the ${selected.length} selected ones and others by chance. See the Projector tab.`;
    await writer.write({ step, values: [textSummary('projector/items', text)] });
  } finally {
    await writer.close();
  }
  return rows.length;
}
