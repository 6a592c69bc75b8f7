/** Writes a training step for Python: the graph as a SavedModel, beside what its first step is fed. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostTensor } from '../src/engines/engine.ts';
import { writeSavedModel } from '../src/graph/savedModel.ts';
import { initialValues } from '../src/model/initialValues.ts';
import type { Batch } from '../src/preprocessing/batchPipeline.ts';
import { type StepOptions, stepFeeds, stepGraph } from './trainingStep.ts';

/**
 * Writes `saved_model.pb`; `feeds.json`, {signature: {key: [element type, shape]}} of the signatures
 * `assign` (the weights of seed 0) and `train`; and `feeds.bin`, the elements of all of them in that order.
 *
 * @param folder  created where it is missing
 */
export async function exportStep(
  folder: string,
  batch: Batch,
  options: StepOptions,
): Promise<void> {
  const { graph, signatures, variables } = await stepGraph(options);
  await writeSavedModel(folder, graph, signatures);
  const feeds = {
    assign: initialValues(variables, 0),
    train: stepFeeds(batch, signatures['train']!),
  };
  const described = ({ data, shape }: HostTensor) => [
    data instanceof Float32Array ? 'float32' : 'int32',
    shape,
  ];
  const index = Object.entries(feeds).map(([signature, values]) => [
    signature,
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, described(value)])),
  ]);
  await writeFile(join(folder, 'feeds.json'), JSON.stringify(Object.fromEntries(index)));
  const bytes = Object.values(feeds)
    .flatMap((values) => Object.values<HostTensor>(values))
    .map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  await writeFile(join(folder, 'feeds.bin'), Buffer.concat(bytes));
}
