/** One run of `losslens inspect`. */
import { dirname, join } from 'node:path';
import type { Dataset } from '../../datasets/dataset.ts';
import { makePictureFolder } from '../../datasets/pictureFolder.ts';
import { resolveCheckpoint, stepOfCheckpoint } from '../checkpoint/checkpoints.ts';
import type { EngineChoice } from '../engines/engineChoice.ts';
import type { GpuChoice } from '../engines/gpuChoice.ts';
import { selectEngine } from '../engines/select.ts';
import { epochAfter, itemsPerStep, type StepSize, stepsPerEpoch } from '../epochs.ts';
import { UsageError } from '../errors.ts';
import { replaceFile } from '../files/replaceFile.ts';
import { tellOfClassOrder } from '../input/knownClasses.ts';
import { loadRunData, type RunDataOptions } from '../input/runData.ts';
import type { MonitoredLayer } from '../insitu/monitoredLayer.ts';
import { loadNetwork } from '../nets/factory.ts';
import { readRunRecord } from '../runFiles/runRecord.ts';
import { printable, show } from '../terminal.ts';
import { valueText } from '../views/draw/numberText.ts';
import { ViewRenderer } from '../views/viewRenderer.ts';
import { type Inspected, Inspector } from './inspector.ts';
import { layersOfRun } from './layersOfRun.ts';

/** What is inspected: the flags of `losslens inspect`. */
export interface InspectionOptions extends RunDataOptions, StepSize {
  readonly use_grayscale: boolean;
  readonly max_sequence_length: number | undefined;
  readonly hs: string | undefined;
  readonly hm: readonly string[];
  readonly checkpoint_path: string;
  /** Item indices, as they were given. */
  readonly items: readonly string[];
  /** The same of items that make a batch with these; empty for none. */
  readonly batch_of: readonly string[];
  /** Layers to look at; empty for those of the run. */
  readonly layers: readonly string[];
  readonly output_dir: string | undefined;
  readonly json: boolean;
  readonly engine: EngineChoice;
  readonly gpu: GpuChoice;
}

/** Item indices from a flag, each once. @throws UsageError for one that the data set does not have */
function parseItems(flag: string, texts: readonly string[], { size }: Dataset): number[] {
  const items = texts.map((given) => {
    const item = /^\d+$/.test(given.trim()) ? Number(given) : Number.NaN;
    if (item < size) return item;
    throw new UsageError(`--${flag}: got item "${given}"; expected 0 to ${size - 1}.`);
  });
  return [...new Set(items)];
}

/** A layer as --json has it: maps where it has height and width, else the sum alone. */
function layerJson({ contribution, maps }: MonitoredLayer): Record<string, unknown> {
  if (maps === undefined) return { contribution };
  const shape = [maps.height, maps.width];
  return {
    contribution,
    C: { shape, values: [...maps.contributionMap] },
    R: { shape, values: [...maps.reductionMap] },
  };
}

function itemJson({ itemIndex, label, output, layers }: Inspected): Record<string, unknown> {
  return {
    item: itemIndex,
    label,
    output,
    layers: Object.fromEntries(layers.map((layer) => [layer.name, layerJson(layer)])),
  };
}

/** An item in lines for people. */
function itemText(inspected: Inspected): string {
  const { itemIndex, label, output, outputProbability, layers } = inspected;
  const width = Math.max(...layers.map(({ name }) => name.length));
  return [
    printable(
      `item ${itemIndex}: label ${label}, output ${output} (${outputProbability.toFixed(4)})`,
    ),
    ...layers.map(
      ({ name, contribution }) => `  ${name.padEnd(width)} ${valueText(contribution)} nats`,
    ),
    '',
  ].join('\n');
}

/** File name of an item's Monitoring View: the label in it is for people. */
function viewFileName({ itemIndex, label }: Inspected): string {
  const name = label.replaceAll(/[^\p{L}\p{N}_-]+/gu, '_');
  return `item-${String(itemIndex).padStart(6, '0')}-${name}.png`;
}

/**
 * Says what a checkpoint makes of some items: prints it, and with an output folder draws the Monitoring
 * View of each.
 *
 * @throws UserError  for what the user can mend
 */
export async function runInspection(options: InspectionOptions): Promise<void> {
  const { output_dir: folder, json } = options;
  const run = dirname(await resolveCheckpoint(options.checkpoint_path));
  const layers = options.layers.length > 0 ? options.layers : layersOfRun(options);
  if (layers.length === 0) {
    throw new UsageError('--layers: missing; expected layers such as pool1,Logits.');
  }
  const { dataset } = await loadRunData(run, options);
  if ((await readRunRecord(run)) === undefined) tellOfClassOrder(dataset);
  const items = parseItems('items', options.items, dataset);
  if (items.length === 0) throw new UsageError('--items: missing; expected items such as 0,7.');
  const others = parseItems('batch_of', options.batch_of, dataset);
  const { engine } = await selectEngine({ engine: options.engine, gpu: options.gpu });
  const inspector = await Inspector.load(engine, dataset, {
    ...options,
    network: await loadNetwork(options.model_name),
    layers,
    batchOf: others.length > 0 ? others : undefined,
  });
  if (folder !== undefined) await makePictureFolder(folder);
  const renderer = folder === undefined ? null : new ViewRenderer();
  const { checkpoint } = inspector;
  const step = stepOfCheckpoint(checkpoint);
  const epoch = epochAfter(step, stepsPerEpoch(dataset.items.length, itemsPerStep(options)));
  const records: Record<string, unknown>[] = [];
  if (!json) {
    const statistics =
      others.length === 0
        ? 'moving statistics'
        : 'statistics of the batch of --items and --batch_of';
    show(
      `${checkpoint}, without dropout and augmentation; batch normalisation, if any, with the ${statistics}\n`,
    );
  }
  try {
    for await (const inspected of inspector.inspect(items)) {
      if (json) records.push(itemJson(inspected));
      else show(itemText(inspected));
      if (folder === undefined) continue;
      const png = await renderer!.renderMonitoringView({ ...inspected, epoch, step });
      await replaceFile(join(folder, viewFileName(inspected)), png);
    }
  } finally {
    await renderer?.close();
    await inspector.close();
  }
  if (json) show(`${JSON.stringify({ items: records })}\n`);
}
