/** `losslens inspect`: what a checkpoint makes of some items, as numbers and as pictures. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import type { Dataset } from '../../datasets/dataset.ts';
import { resolveCheckpoint, stepOfCheckpoint } from '../checkpoint/checkpoints.ts';
import { selectEngine } from '../engines/select.ts';
import { UsageError } from '../errors.ts';
import { loadTrainingData } from '../input/trainingData.ts';
import type { MonitoredLayer } from '../insitu/contributionMaps.ts';
import { type Inspected, Inspector } from '../inspection/inspector.ts';
import { loadNetwork } from '../nets/factory.ts';
import { stepsPerEpoch } from '../training/schedule.ts';
import { valueText } from '../views/draw/numberText.ts';
import { ViewRenderer } from '../views/viewRenderer.ts';
import { addFlags, boolean, type FlagValues, list, optionalText, text } from './flags.ts';
import { ofRunFlags, resolveRunFlags } from './runFlags.ts';

const inspectFlags = {
  Inspection: {
    checkpoint_path: text('runs/train', 'checkpoint, or a folder whose latest one is taken'),
    items: list('indices of the items in the order of their source'),
    layers: list('layers to look at; by default Hs and Hm of the run'),
    batch_of: list(
      "items that make a batch with --items: batch normalisation then uses the batch's statistics, as in the training, in place of the moving ones",
    ),
    output_dir: optionalText('folder for the Monitoring View of each item as PNG'),
    json: boolean(false, 'print one JSON object with every number on stdout'),
  },
  ...ofRunFlags,
};

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
    `item ${itemIndex}: label ${label}, output ${output} (${outputProbability.toFixed(4)})`,
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

async function inspect(given: FlagValues<typeof inspectFlags>): Promise<void> {
  const checkpoint = await resolveCheckpoint(given.checkpoint_path);
  const flags = await resolveRunFlags(dirname(checkpoint), given);
  const ofRun = [...new Set([...flags.hm, ...(flags.hs ? [flags.hs] : [])])];
  const layers = given.layers.length > 0 ? given.layers : ofRun;
  if (layers.length === 0) {
    throw new UsageError('--layers: missing; expected layers such as pool1,Logits.');
  }
  const { dataset } = await loadTrainingData(flags);
  const items = parseItems('items', given.items, dataset);
  if (items.length === 0) throw new UsageError('--items: missing; expected items such as 0,7.');
  const batchOf = given.batch_of.length > 0 ? given.batch_of : undefined;
  const { engine } = await selectEngine(flags.engine);
  const inspector = await Inspector.load(engine, dataset, {
    ...flags,
    network: await loadNetwork(flags.model_name),
    checkpoint,
    layers,
    batchOf: batchOf && parseItems('batch_of', batchOf, dataset),
  });
  const { output_dir: folder } = given;
  if (folder !== undefined) await mkdir(folder, { recursive: true });
  const renderer = folder === undefined ? null : new ViewRenderer();
  const step = stepOfCheckpoint(checkpoint);
  const epoch = Math.ceil(step / stepsPerEpoch(dataset.items.length, flags.batch_size));
  const records: Record<string, unknown>[] = [];
  if (!given.json) {
    const statistics =
      batchOf === undefined
        ? 'moving statistics'
        : 'statistics of the batch of --items and --batch_of';
    process.stdout.write(
      `${checkpoint}, without dropout and augmentation; batch normalisation, if any, with the ${statistics}\n`,
    );
  }
  try {
    for await (const inspected of inspector.inspect(items)) {
      if (given.json) records.push(itemJson(inspected));
      else process.stdout.write(itemText(inspected));
      if (folder === undefined) continue;
      const png = await renderer!.renderMonitoringView({ ...inspected, epoch, step });
      await writeFile(join(folder, viewFileName(inspected)), png);
    }
  } finally {
    await renderer?.close();
    inspector.close();
  }
  if (given.json) process.stdout.write(`${JSON.stringify({ items: records })}\n`);
}

/** @returns the command, for the program to add */
export function inspectCommand(): Command {
  const command = new Command('inspect').description(
    'Say what a checkpoint makes of some items: loss contributions and maps at any layer, without dropout and augmentation.',
  );
  return addFlags(command, inspectFlags).action(inspect);
}
