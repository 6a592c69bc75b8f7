/**
 * Dilated convolution, by the pixels of each phase side by side in the batch: TensorFlow's own
 * derivatives of a dilated Conv2D do not run on every CPU, those of these ops do.
 */
import { UserError } from '../../errors.ts';
import type { Tensor } from '../graph.ts';
import { describe } from '../graph.ts';
import { windowedSize } from '../shape.ts';
import { constant } from './array.ts';
import { conv2d, type Padding } from './nn.ts';
import { addOp, expectRank, type OpOptions } from './op.ts';

/** Pixels before and after, of height and width: padded, or cut off. */
export type Border = readonly [
  height: readonly [before: number, after: number],
  width: readonly [before: number, after: number],
];

function addBlockOp(
  op: string,
  x: Tensor,
  block: number,
  border: Border,
  borderName: string,
  shape: readonly number[],
  options: OpOptions,
): Tensor {
  const { graph } = x;
  const inputs = [
    x,
    constant(graph, 'int32', [block, block], undefined, { name: 'block_shape' }),
    constant(graph, 'int32', border.flat(), [2, 2], { name: borderName }),
  ];
  const attrs = {
    T: { type: x.dtype },
    Tblock_shape: { type: 'int32' },
    [`T${borderName}`]: { type: 'int32' },
  } as const;
  return addOp(graph, op, inputs, attrs, x.dtype, shape, options);
}

/**
 * Pads images and moves the pixels of each of block × block phases to images of their own
 * (TF op SpaceToBatchND).
 *
 * @param x  [n, h, w, c], whose padded height and width are multiples of `block`
 * @returns  [block²·n, h'/block, w'/block, c]
 * @throws UserError  when height or width is no such multiple
 */
export function spaceToBatch(
  x: Tensor,
  block: number,
  paddings: Border,
  options: OpOptions = {},
): Tensor {
  expectRank('SpaceToBatchND', x, 4);
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const sizes = [height, width].map((size, i) => {
    const padded = size + paddings[i]![0] + paddings[i]![1];
    if (padded % block !== 0) {
      throw new UserError(
        `SpaceToBatchND: got ${describe(x)}, padded to ${padded} pixels; expected a multiple of ${block}.`,
      );
    }
    return padded / block;
  });
  const shape = [batch < 0 ? -1 : batch * block * block, ...sizes, channels];
  return addBlockOp('SpaceToBatchND', x, block, paddings, 'paddings', shape, options);
}

/**
 * What spaceToBatch did, undone, and then cropped (TF op BatchToSpaceND).
 *
 * @param x  [block²·n, h, w, c]
 * @returns  [n, h·block − crops, w·block − crops, c]
 */
export function batchToSpace(
  x: Tensor,
  block: number,
  crops: Border,
  options: OpOptions = {},
): Tensor {
  expectRank('BatchToSpaceND', x, 4);
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const sizes = [height, width].map((size, i) => size * block - crops[i]![0] - crops[i]![1]);
  const shape = [batch < 0 ? -1 : batch / (block * block), ...sizes, channels];
  return addBlockOp('BatchToSpaceND', x, block, crops, 'crops', shape, options);
}

/** Attributes of a dilated convolution; its stride is 1. */
export interface DilatedConv2dOptions {
  /** Pixels from one element of the kernel to the next. */
  readonly rate: number;
  readonly padding: Padding;
}

/**
 * 2-D convolution whose kernel skips rate − 1 pixels between its elements
 * (tf.nn.conv2d with dilations).
 *
 * @param x       [n, h, w, in]
 * @param filter  [kh, kw, in, out]
 * @returns       [n, h', w', out]
 * @throws UserError  when the channels differ or the dilated filter does not fit
 */
export function dilatedConv2d(
  x: Tensor,
  filter: Tensor,
  { rate, padding }: DilatedConv2dOptions,
): Tensor {
  expectRank('dilated convolution', x, 4);
  expectRank('dilated convolution', filter, 4);
  const where = `dilated convolution ${x.graph.scope}`;
  const borders = [1, 2].map((axis) => {
    const size = x.shape[axis]!;
    const beyond = (filter.shape[axis - 1]! - 1) * rate;
    windowedSize(size, beyond + 1, 1, padding, where);
    const total = padding === 'SAME' ? beyond : 0;
    const before = Math.floor(total / 2);
    const rest = (size + total) % rate === 0 ? 0 : rate - ((size + total) % rate);
    return { padding: [before, total - before + rest], crop: [0, rest] } as const;
  }) as [height: BorderOfAxis, width: BorderOfAxis];
  const phases = spaceToBatch(x, rate, [borders[0].padding, borders[1].padding]);
  const convolved = conv2d(phases, filter, { stride: 1, padding: 'VALID' });
  return batchToSpace(convolved, rate, [borders[0].crop, borders[1].crop]);
}

interface BorderOfAxis {
  readonly padding: readonly [number, number];
  readonly crop: readonly [number, number];
}
