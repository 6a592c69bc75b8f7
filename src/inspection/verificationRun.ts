/** One run of `losslens verify`. */
import { dirname } from 'node:path';
import type { Dataset } from '../../datasets/dataset.ts';
import { resolveCheckpoint } from '../checkpoint/checkpoints.ts';
import { readLatestVariables } from '../checkpoint/variables.ts';
import type { EngineChoice } from '../engines/engineChoice.ts';
import type { GpuChoice } from '../engines/gpuChoice.ts';
import { selectEngine } from '../engines/select.ts';
import { networkInput, recordedVocabulary } from '../input/networkInput.ts';
import { loadRunData, type RunDataOptions } from '../input/runData.ts';
import { initialValues } from '../model/initialValues.ts';
import { loadNetwork } from '../nets/factory.ts';
import { networkTitle } from '../nets/ownNetwork.ts';
import type { ItemInput } from '../preprocessing/itemInput.ts';
import { prepareItems } from '../preprocessing/prepareItems.ts';
import { permutation, random } from '../random.ts';
import { show } from '../terminal.ts';
import { layersOfRun } from './layersOfRun.ts';
import { verify } from './verification.ts';
import { buildVerificationGraph, type Feeds } from './verificationGraph.ts';
import { checksText, mixedText, verdict } from './verificationReport.ts';

/** What is verified: the flags of `losslens verify`. */
export interface VerificationOptions extends RunDataOptions {
  readonly use_grayscale: boolean;
  readonly max_sequence_length: number | undefined;
  readonly hs: string | undefined;
  readonly hm: readonly string[];
  /** undefined for the initial weights. */
  readonly checkpoint_path: string | undefined;
  /** Layers whose gradients are compared; empty for those of the run. */
  readonly layers: readonly string[];
  readonly batch_size: number;
  readonly num_batches: number;
  readonly engine: EngineChoice;
  readonly gpu: GpuChoice;
}

/** Batches of all items in a random order, prepared when they are asked for. */
async function* batchesOf(
  dataset: Dataset,
  input: ItemInput,
  { batch_size: batchSize, seed }: VerificationOptions,
): AsyncGenerator<Feeds, void, undefined> {
  const order = permutation(dataset.items.length, random(seed));
  for (let batch = 0; batch * batchSize < order.length; batch++) {
    const some = order.subarray(batch * batchSize, (batch + 1) * batchSize);
    const items = Array.from(some, (i) => dataset.items[i]!);
    const { feeds, labels } = await prepareItems(dataset, items, input);
    yield {
      ...feeds,
      labels,
      dropout_seed: { data: Int32Array.of(seed, batch), shape: [2] },
    };
  }
}

/**
 * Checks the loss contributions of a network on some of its data and prints what was found.
 *
 * @returns  whether no check failed
 * @throws UserError  for what the user can mend
 */
export async function runVerification(options: VerificationOptions): Promise<boolean> {
  const { checkpoint_path: path, batch_size: batchSize, num_batches: numBatches } = options;
  const run = path === undefined ? undefined : dirname(await resolveCheckpoint(path));
  const network = await loadNetwork(options.model_name);
  const { dataset } = await loadRunData(run, options);
  const input = await networkInput(
    network,
    dataset,
    { ...options, imageSize: options.train_image_size },
    run === undefined ? undefined : () => recordedVocabulary(run),
  );
  const layers = options.layers.length > 0 ? options.layers : layersOfRun(options);
  const graph = buildVerificationGraph({
    network,
    numClasses: dataset.classNames.length,
    input,
    layers: layers.length > 0 ? layers : undefined,
  });
  const { engine } = await selectEngine({ engine: options.engine, gpu: options.gpu });
  const session = await engine.load(graph.graph, graph.signatures);
  try {
    const { checkpoint, values } =
      path === undefined
        ? { checkpoint: undefined, values: initialValues(graph.variables, options.seed) }
        : await readLatestVariables(path, graph.variables);
    await session.run('assign', values);
    show(
      `${networkTitle(options.model_name)} ${checkpoint === undefined ? 'with its initial weights' : `of ${checkpoint}`}, ` +
        `${numBatches} × ${batchSize} items of ${dataset.name} ${dataset.split}, as in the training; ${engine.name}\n\n`,
    );
    const batches = batchesOf(dataset, input, options);
    const verification = await verify(graph, session, batches, numBatches);
    const { checks } = verification;
    show(`${checksText(checks)}\n${mixedText(graph.layers)}\n${verdict(verification)}\n`);
    return checks.every(({ outcome }) => outcome !== 'failed');
  } finally {
    await session.close();
  }
}
