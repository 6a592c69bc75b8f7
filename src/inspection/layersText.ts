/** A network's layers as a table for people who choose Hs and Hm. */
import { type Column, textTable } from '../console/textTable.ts';
import { imageSideOf } from '../nets/imageSide.ts';
import type { NetworkDefinition } from '../nets/network.ts';
import { type GraphInput, preprocessedImages } from '../preprocessing/itemInput.ts';
import type { NetworkDescription } from './layerDescriptions.ts';

/** The flags that say what a network is described for. */
export interface DescribedInputOptions {
  /** Side of square images in pixels. */
  readonly image_size: number | undefined;
  readonly image_channels: number | undefined;
  /** Length of the texts in tokens. */
  readonly max_sequence_length: number | undefined;
  /** Words that a network of texts knows. */
  readonly vocabulary_size: number;
}

/** What a network is described for: the flags, or what it was made for. */
export function describedInput(
  network: NetworkDefinition,
  options: DescribedInputOptions,
): GraphInput {
  if (network.takes === 'texts') {
    const length = options.max_sequence_length ?? network.defaultSequenceLength;
    return { kind: 'texts', shape: [length], vocabulary: { size: options.vocabulary_size } };
  }
  const side = imageSideOf(network, options.image_size);
  return preprocessedImages([side, side, options.image_channels ?? network.defaultChannels ?? 3]);
}

/** An input in words, such as "images 28×28×1". */
export function inputText(input: GraphInput): string {
  if (input.kind === 'images') return `images ${input.shape.join('×')}`;
  return `texts of ${input.shape[0]} tokens, ${input.vocabulary.size} words`;
}

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

/** A count with commas; `toLocaleString` first loads its tables, for a fifth of the command's time. */
function thousands(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A row for each end point, the parameters in all, and what the kinds of sums mean that there are. */
export function layersText({ layers, parameters, untrained }: NetworkDescription): string {
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
