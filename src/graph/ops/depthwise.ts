/** Depthwise convolution: each channel with kernels of its own. Images are NHWC, as in TensorFlow. */
import { UserError } from '../../errors.ts';
import type { Shape, Tensor } from '../graph.ts';
import { describe } from '../graph.ts';
import { windowedSize } from '../shape.ts';
import { constant, shapeOf } from './array.ts';
import { type Conv2dOptions, conv2dAttrs } from './nn.ts';
import { addOp, expectRank, expectSameDType } from './op.ts';

/**
 * Depthwise 2-D convolution (TF op DepthwiseConv2dNative): output channel c·multiplier + m is input
 * channel c convolved with the kernel [:, :, c, m].
 *
 * @param x       [n, h, w, in]
 * @param filter  [kh, kw, in, multiplier]
 * @returns       [n, h', w', in·multiplier]
 * @throws UserError  when the channels differ or the filter does not fit
 */
export function depthwiseConv2d(x: Tensor, filter: Tensor, options: Conv2dOptions): Tensor {
  const op = 'DepthwiseConv2dNative';
  expectRank(op, x, 4);
  expectRank(op, filter, 4);
  expectSameDType(op, [x, filter]);
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [rows, columns, inner, multiplier] = filter.shape as [number, number, number, number];
  if (channels !== inner) {
    throw new UserError(
      `${op}: got ${describe(x)} and the filter ${describe(filter)}; channels differ.`,
    );
  }
  const { stride, padding } = options;
  const where = `${op} ${x.graph.scope}`;
  const shape = [
    batch,
    windowedSize(height, rows, stride, padding, where),
    windowedSize(width, columns, stride, padding, where),
    channels * multiplier,
  ];
  return addOp(x.graph, op, [x, filter], conv2dAttrs(x, options), x.dtype, shape, {
    name: 'depthwise',
    ...options,
  });
}

/**
 * Derivative of depthwiseConv2d with respect to its input, in the shape of `input`
 * (TF op DepthwiseConv2dNativeBackpropInput).
 */
export function depthwiseConv2dBackpropInput(
  input: Tensor,
  filter: Tensor,
  dy: Tensor,
  options: Conv2dOptions,
): Tensor {
  return addOp(
    dy.graph,
    'DepthwiseConv2dNativeBackpropInput',
    [shapeOf(input), filter, dy],
    conv2dAttrs(dy, options),
    dy.dtype,
    input.shape,
    options,
  );
}

/**
 * Derivative of depthwiseConv2d with respect to its filter
 * (TF op DepthwiseConv2dNativeBackpropFilter).
 */
export function depthwiseConv2dBackpropFilter(
  input: Tensor,
  filterShape: Shape,
  dy: Tensor,
  options: Conv2dOptions,
): Tensor {
  const sizes = constant(dy.graph, 'int32', filterShape, undefined, { name: 'filter_sizes' });
  return addOp(
    dy.graph,
    'DepthwiseConv2dNativeBackpropFilter',
    [input, sizes, dy],
    conv2dAttrs(dy, options),
    dy.dtype,
    filterShape,
    options,
  );
}
