/** `losslens layers`: the end points of a network, which --hs and --hm take. */
import { Command } from 'commander';
import { type Column, textTable } from '../console/textTable.ts';
import { describeLayers, type NetworkDescription } from '../inspection/layerDescriptions.ts';
import { loadNetwork } from '../nets/factory.ts';
import type { NetworkDefinition } from '../nets/network.ts';
import { networkTitle } from '../nets/ownNetwork.ts';
import { type GraphInput, imageInput } from '../preprocessing/itemInput.ts';
import { addFlags, boolean, type FlagValues, integer, optionalInteger } from './flags.ts';
import { modelFlags } from './trainFlags.ts';

const layersFlags = {
  Model: {
    ...modelFlags,
    num_classes: integer(10, 'classes of the data', { min: 1 }),
    image_size: optionalInteger('side of the images in pixels; by default that of the network', {
      min: 1,
    }),
    image_channels: optionalInteger(
      'channels of the images, 1 or 3; by default those that the network was made for',
      { min: 1 },
    ),
    max_sequence_length: optionalInteger(
      'length of the texts in tokens; by default that of the network',
      { min: 1 },
    ),
    vocabulary_size: integer(20_000, 'words that a network of texts knows', { min: 2 }),
  },
  Output: { json: boolean(false, 'print JSON instead of a table') },
};

const columns: readonly Column[] = [
  { heading: 'end point' },
  { heading: 'shape', isNumeric: true },
  { heading: 'C and R' },
  { heading: 'parameters', isNumeric: true },
  { heading: 'Σ f·b per item' },
];

const remarks = {
  mixed:
    'mixed: every way to the loss runs through a later batch normalisation with the batch’s\n' +
    'statistics, so the sums over a batch cancel to zero and say nothing about single items.\n' +
    'Do not select by these layers (--hs); their maps C and R (--hm) can be looked at.',
  none: 'none: the loss does not depend on these layers; --hs and --hm do not take them.',
} as const;

/** The description for the terminal. */
function toText({ layers, parameters, untrained }: NetworkDescription): string {
  const thousands = (count: number) => count.toLocaleString('en-US');
  const rows = layers.map(({ name, shape, isSpatial, parameters, itemSums }) => [
    name,
    shape.join('×'),
    isSpatial ? 'yes' : '',
    parameters === 0 ? '' : thousands(parameters),
    itemSums,
  ]);
  const moving = untrained === 0 ? '' : `, and ${thousands(untrained)} moving statistics`;
  const kinds = new Set(layers.map(({ itemSums }) => itemSums));
  return [
    textTable(columns, rows),
    '',
    `${thousands(parameters)} parameters${moving}`,
    ...(kinds.has('mixed') ? ['', remarks.mixed] : []),
    ...(kinds.has('none') ? ['', remarks.none] : []),
  ].join('\n');
}

/** What the network is described for: the flags, or else what it was made for. */
function inputOf(network: NetworkDefinition, flags: FlagValues<typeof layersFlags>): GraphInput {
  if (network.takes === 'texts') {
    const length = flags.max_sequence_length ?? network.defaultSequenceLength;
    return { kind: 'texts', shape: [length], vocabulary: { size: flags.vocabulary_size } };
  }
  const side = flags.image_size ?? network.defaultImageSize;
  return imageInput([side, side, flags.image_channels ?? network.defaultChannels ?? 3]);
}

function itemsText(input: GraphInput): string {
  if (input.kind === 'images') return `images ${input.shape.join('×')}`;
  return `texts of ${input.shape[0]} tokens, ${input.vocabulary.size} words`;
}

/** @returns the command, for the program to add */
export function layersCommand(): Command {
  const command = new Command('layers').description(
    "Print a network's end points: what --hs and --hm take, with shapes and parameters.",
  );
  return addFlags(command, layersFlags).action(async (flags: FlagValues<typeof layersFlags>) => {
    const network = await loadNetwork(flags.model_name);
    const input = inputOf(network, flags);
    const description = describeLayers(network, flags.num_classes, input);
    if (flags.json) {
      process.stdout.write(`${JSON.stringify(description, null, 2)}\n`);
      return;
    }
    process.stdout.write(
      `${networkTitle(flags.model_name)}, ${itemsText(input)}, ${flags.num_classes} classes\n\n${toText(description)}\n`,
    );
  });
}
