/** Kernels of ops/depthwise.ts, ops/averagePool.ts and ops/dilation.ts. */
import type * as tfc from '@tensorflow/tfjs-core';
import type { Node } from '../../graph/graph.ts';
import { attr, constantInput } from '../../graph/nodeInputs.ts';
import { borderOf } from './convolution.ts';
import { allocate, intView, view } from './heap.ts';
import type { KernelTable } from './kernel.ts';
import { tf } from './tfjs.ts';

/** Batch, height, width and channels. */
type Size = [batch: number, height: number, width: number, channels: number];

/** Where a window lies in the input, without what is beyond the border. */
interface Window {
  readonly item: number;
  /** First row and column, which can be negative. */
  readonly top: number;
  readonly left: number;
  readonly firstRow: number;
  readonly endRow: number;
  readonly firstColumn: number;
  readonly endColumn: number;
}

/**
 * Calls `visit` for each window in the order of the output's pixels.
 *
 * @param visit  gets the number of the output's pixel besides
 */
function forEachWindow(
  node: Node,
  [batch, height, width]: readonly number[],
  [rows, columns]: readonly [number, number],
  visit: (window: Window, pixel: number) => void,
): void {
  const stride = attr(node, 'strides', 'ints')[1]!;
  const padding = attr(node, 'padding', 's');
  const topBorder = borderOf(height!, rows, stride, padding).before;
  const leftBorder = borderOf(width!, columns, stride, padding).before;
  const outHeight = outputSize(height!, rows, stride, padding);
  const outWidth = outputSize(width!, columns, stride, padding);
  let pixel = 0;
  for (let item = 0; item < batch!; item++) {
    for (let y = 0; y < outHeight; y++) {
      const top = y * stride - topBorder;
      const firstRow = Math.max(0, top);
      const endRow = Math.min(height!, top + rows);
      for (let x = 0; x < outWidth; x++) {
        const left = x * stride - leftBorder;
        const firstColumn = Math.max(0, left);
        const endColumn = Math.min(width!, left + columns);
        visit({ item, top, left, firstRow, endRow, firstColumn, endColumn }, pixel++);
      }
    }
  }
}

function outputSize(size: number, window: number, stride: number, padding: string): number {
  return Math.ceil((padding === 'SAME' ? size : size - window + 1) / stride);
}

function windowSide(node: Node): number {
  return attr(node, 'ksize', 'ints')[1]!;
}

function avgPool(node: Node, x: tfc.Tensor): tfc.Tensor {
  const [batch, height, width, channels] = x.shape as Size;
  const side = windowSide(node);
  const stride = attr(node, 'strides', 'ints')[1]!;
  const padding = attr(node, 'padding', 's');
  const y = allocate([
    batch,
    outputSize(height, side, stride, padding),
    outputSize(width, side, stride, padding),
    channels,
  ]);
  const [values, means] = [view(x), view(y).fill(0)];
  forEachWindow(node, x.shape, [side, side], (window, pixel) => {
    const { item, firstRow, endRow, firstColumn, endColumn } = window;
    const to = pixel * channels;
    for (let row = firstRow; row < endRow; row++) {
      let from = ((item * height + row) * width + firstColumn) * channels;
      for (let column = firstColumn; column < endColumn; column++) {
        for (let c = 0; c < channels; c++, from++) means[to + c] = means[to + c]! + values[from]!;
      }
    }
    const share = 1 / ((endRow - firstRow) * (endColumn - firstColumn));
    for (let c = 0; c < channels; c++) means[to + c] = means[to + c]! * share;
  });
  return y;
}

/** @param shape  of the input of the pooling */
function avgPoolGrad(node: Node, shape: Size, dy: tfc.Tensor): tfc.Tensor {
  const [, height, width, channels] = shape;
  const side = windowSide(node);
  const dx = allocate(shape);
  const [derivative, result] = [view(dy), view(dx).fill(0)];
  forEachWindow(node, shape, [side, side], (window, pixel) => {
    const { item, firstRow, endRow, firstColumn, endColumn } = window;
    const share = 1 / ((endRow - firstRow) * (endColumn - firstColumn));
    const from = pixel * channels;
    for (let row = firstRow; row < endRow; row++) {
      let to = ((item * height + row) * width + firstColumn) * channels;
      for (let column = firstColumn; column < endColumn; column++) {
        for (let c = 0; c < channels; c++, to++) {
          result[to] = result[to]! + share * derivative[from + c]!;
        }
      }
    }
  });
  return dx;
}

function depthwiseConv2d(node: Node, x: tfc.Tensor4D, filter: tfc.Tensor4D): tfc.Tensor {
  const stride = attr(node, 'strides', 'ints')[1]!;
  const padding = attr(node, 'padding', 's') === 'SAME' ? 'same' : 'valid';
  if (x.size > 0) return tf.depthwiseConv2d(x, filter, stride, padding);
  // The backend refuses a batch of no items.
  const { outShape } = tf.backend_util.computeConv2DInfo(
    x.shape,
    filter.shape,
    stride,
    1,
    padding,
    undefined,
    true,
  );
  return tf.zeros(outShape);
}

/**
 * Calls `visit` with the places of each pair of an input's pixel and an output's that a kernel
 * element connects: the first of the pixels' channels, and the first number of the kernel.
 */
function forEachConnection(
  node: Node,
  inputShape: Size,
  filterShape: readonly number[],
  visit: (input: number, output: number, kernel: number) => void,
): void {
  const [, height, width, channels] = inputShape;
  const [rows, columns, , multiplier] = filterShape as Size;
  const outChannels = channels * multiplier;
  forEachWindow(node, inputShape, [rows, columns], (window, pixel) => {
    const { item, top, left, firstRow, endRow, firstColumn, endColumn } = window;
    for (let row = firstRow; row < endRow; row++) {
      for (let column = firstColumn; column < endColumn; column++) {
        visit(
          ((item * height + row) * width + column) * channels,
          pixel * outChannels,
          ((row - top) * columns + column - left) * outChannels,
        );
      }
    }
  });
}

/** @param shape  of the input of the convolution */
function depthwiseBackpropInput(
  node: Node,
  shape: Size,
  filter: tfc.Tensor,
  dy: tfc.Tensor,
): tfc.Tensor {
  const dx = allocate(shape);
  const [weights, derivative, result] = [view(filter), view(dy), view(dx).fill(0)];
  const [channels, multiplier] = [shape[3], filter.shape[3]!];
  forEachConnection(node, shape, filter.shape, (input, output, kernel) => {
    for (let c = 0, k = 0; c < channels; c++) {
      let sum = 0;
      for (let m = 0; m < multiplier; m++, k++)
        sum += weights[kernel + k]! * derivative[output + k]!;
      result[input + c] = result[input + c]! + sum;
    }
  });
  return dx;
}

function depthwiseBackpropFilter(
  node: Node,
  x: tfc.Tensor,
  filterShape: readonly number[],
  dy: tfc.Tensor,
): tfc.Tensor {
  const dFilter = allocate(filterShape);
  const [values, derivative] = [view(x), view(dy)];
  const sums = new Float64Array(dFilter.size);
  const [channels, multiplier] = [x.shape[3]!, filterShape[3]!];
  forEachConnection(node, x.shape as Size, filterShape, (input, output, kernel) => {
    for (let c = 0, k = 0; c < channels; c++) {
      const value = values[input + c]!;
      for (let m = 0; m < multiplier; m++, k++) {
        sums[kernel + k] = sums[kernel + k]! + value * derivative[output + k]!;
      }
    }
  });
  view(dFilter).set(sums);
  return dFilter;
}

/** The border of spaceToBatch or batchToSpace. */
function borderInput(node: Node): [number, number][] {
  const [top, bottom, left, right] = constantInput(node, 2) as Size;
  return [
    [top, bottom],
    [left, right],
  ];
}

/** Kernels by op. */
export const windowKernels: KernelTable = {
  AvgPool: (node, [x]) => avgPool(node, x!),
  AvgPoolGrad: (node, [shape, dy]) => avgPoolGrad(node, [...intView(shape!)] as Size, dy!),
  DepthwiseConv2dNative: (node, [x, filter]) =>
    depthwiseConv2d(node, x as tfc.Tensor4D, filter as tfc.Tensor4D),
  DepthwiseConv2dNativeBackpropInput: (node, [shape, filter, dy]) =>
    depthwiseBackpropInput(node, [...intView(shape!)] as Size, filter!, dy!),
  DepthwiseConv2dNativeBackpropFilter: (node, [x, , dy]) =>
    depthwiseBackpropFilter(node, x!, constantInput(node, 1), dy!),
  SpaceToBatchND: (node, [x]) =>
    tf.spaceToBatchND(x!, [...constantInput(node, 1)], borderInput(node)),
  BatchToSpaceND: (node, [x]) =>
    tf.batchToSpaceND(x!, [...constantInput(node, 1)], borderInput(node)),
};
