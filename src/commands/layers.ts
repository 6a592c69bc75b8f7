/** `losslens layers`: the end points of a network, which --hs and --hm take. */
import type { Command } from 'commander';
import { UsageError } from '../errors.ts';
import type { NetworkDefinition } from '../nets/network.ts';
import type { GraphInput } from '../preprocessing/itemInput.ts';
import { show } from '../terminal.ts';
import { type FlagEffect, withEffects } from './flagEffects.ts';
import {
  addFlags,
  boolean,
  type Flag,
  type FlagValues,
  integer,
  optionalInteger,
} from './flags.ts';
import { modelFlags, ofNetworks } from './modelFlags.ts';

const imageChannels: Flag<number | undefined> = {
  parse: (value, name) => {
    if (value === '1' || value === '3') return Number(value);
    throw new UsageError(`--${name}: got "${value}"; expected 1 (grey) or 3 (colour).`);
  },
  defaultValue: undefined,
  placeholder: 'N',
  help: 'channels of the images, 1 or 3; by default those that the network was made for',
};

const layersFlags = {
  Model: {
    ...modelFlags,
    num_classes: integer(10, 'classes of the data', { min: 1 }),
    image_size: optionalInteger('side of the images in pixels; by default that of the network', {
      min: 1,
    }),
    image_channels: imageChannels,
    max_sequence_length: optionalInteger(
      'length of the texts in tokens; by default that of the network',
      { min: 1 },
    ),
    vocabulary_size: integer(20_000, 'words that a network of texts knows', { min: 2 }),
  },
  Output: {
    cost: boolean(false, 'count operations and bytes of a training step at each end point'),
    batch_size: integer(32, 'items of the step that --cost counts', { min: 1 }),
    json: boolean(false, 'print JSON instead of a table'),
  },
};

type LayersFlags = FlagValues<typeof layersFlags>;

const layersEffects: readonly FlagEffect<LayersFlags>[] = [
  ofNetworks('images', ['image_size', 'image_channels']),
  ofNetworks('texts', ['max_sequence_length', 'vocabulary_size']),
  { flags: ['batch_size'], missing: ({ cost }) => (cost ? undefined : 'without --cost') },
];

/** What the layers are: the data and the table. */
async function describedLayers(network: NetworkDefinition, input: GraphInput, flags: LayersFlags) {
  const { describeLayers } = await import('../inspection/layerDescriptions.ts');
  const { layersText } = await import('../inspection/layersText.ts');
  const description = describeLayers(network, flags.num_classes, input);
  return [description, layersText(description)] as const;
}

/** What a step costs at them: the data and the table. */
async function costsOf(network: NetworkDefinition, input: GraphInput, flags: LayersFlags) {
  const { num_classes, batch_size } = flags;
  const { countStep } = await import('../inspection/layerCosts.ts');
  const { costText } = await import('../inspection/costText.ts');
  const costs = countStep(network, num_classes, input, batch_size);
  return [costs, costText(costs, batch_size)] as const;
}

/** Declares the flags and the action of `losslens layers`. */
export function declareLayers(command: Command): void {
  withEffects(addFlags(command, layersFlags), layersEffects).action(async (flags: LayersFlags) => {
    const { describedInput, inputText } = await import('../inspection/layersText.ts');
    const { loadNetwork } = await import('../nets/factory.ts');
    const { networkTitle } = await import('../nets/ownNetwork.ts');
    const network = await loadNetwork(flags.model_name);
    const input = describedInput(network, flags);
    const title = `${networkTitle(flags.model_name)}, ${inputText(input)}, ${flags.num_classes} classes`;
    const [described, text] = await (flags.cost ? costsOf : describedLayers)(network, input, flags);
    show(flags.json ? `${JSON.stringify(described, null, 2)}\n` : `${title}\n\n${text}\n`);
  });
}
