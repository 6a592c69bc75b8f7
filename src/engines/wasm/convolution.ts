/**
 * Convolution and its two derivatives, all as convolutions: the backend has one fast kernel for
 * them, where its own derivative is naive or missing. It refuses a batch of no items, for which they
 * are written down here.
 */
import type * as tfc from '@tensorflow/tfjs-core';
import { tf } from './tfjs.ts';

/** Zeros before and after the rows and columns. */
interface Border {
  readonly before: number;
  readonly after: number;
}

type ExplicitPadding = [[number, number], [number, number], [number, number], [number, number]];

function explicit(rows: Border, columns: Border): ExplicitPadding {
  return [
    [0, 0],
    [rows.before, rows.after],
    [columns.before, columns.after],
    [0, 0],
  ];
}

/** What TensorFlow's SAME and VALID pad along one dimension. */
export function borderOf(size: number, window: number, stride: number, padding: string): Border {
  if (padding === 'VALID') return { before: 0, after: 0 };
  const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + window - size);
  return { before: Math.floor(total / 2), after: total - Math.floor(total / 2) };
}

/** [n, h, w, in] * [kh, kw, in, out] → [n, h', w', out] */
export function convolve(
  x: tfc.Tensor4D,
  filter: tfc.Tensor4D,
  stride: number,
  padding: string,
): tfc.Tensor4D {
  const pad = padding === 'SAME' ? 'same' : 'valid';
  if (x.size > 0) return tf.conv2d(x, filter, stride, pad);
  return tf.zeros(
    tf.backend_util.computeConv2DInfo(x.shape, filter.shape, stride, 1, pad).outShape,
  );
}

/** Zeros between rows and columns: [n, h, w, c] → [n, (h−1)·stride+1, (w−1)·stride+1, c]. */
function dilate(x: tfc.Tensor4D, stride: number): tfc.Tensor4D {
  if (stride === 1) return tf.clone(x);
  const [n, height, width, channels] = x.shape;
  const spread = tf.pad(tf.reshape(x, [n * height, 1, width, channels]), [
    [0, 0],
    [0, stride - 1],
    [0, 0],
    [0, 0],
  ]);
  const rows = tf.reshape(spread, [n * height * stride * width, 1, channels]);
  const columns = tf.pad(rows, [
    [0, 0],
    [0, stride - 1],
    [0, 0],
  ]);
  const whole: tfc.Tensor4D = tf.reshape(columns, [n, height * stride, width * stride, channels]);
  return tf.slice(
    whole,
    [0, 0, 0, 0],
    [n, (height - 1) * stride + 1, (width - 1) * stride + 1, channels],
  );
}

/**
 * Derivative with respect to the input: dy, dilated by the stride, convolved with the filter turned
 * by 180° and its channels exchanged.
 *
 * @param inputShape  [n, h, w, in]
 */
export function convolveBackpropInput(
  inputShape: readonly number[],
  filter: tfc.Tensor4D,
  dy: tfc.Tensor4D,
  stride: number,
  padding: string,
): tfc.Tensor4D {
  if (dy.size === 0) return tf.zeros(inputShape as tfc.Tensor4D['shape']);
  return tf.tidy(() => {
    const [kernelRows, kernelColumns] = filter.shape;
    const turned = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]) as tfc.Tensor4D;
    const dilated = dilate(dy, stride);
    const border = (axis: 1 | 2, window: number): Border => {
      const size = inputShape[axis]!;
      const before = window - 1 - borderOf(size, window, stride, padding).before;
      return { before, after: size - dilated.shape[axis] - before + window - 1 };
    };
    const pad = explicit(border(1, kernelRows), border(2, kernelColumns));
    return tf.conv2d(dilated, turned, 1, pad);
  });
}

/**
 * Derivative with respect to the filter: the images, their batch and channels exchanged, convolved
 * with dy, which the stride dilates.
 *
 * @param filterShape  [kh, kw, in, out]
 */
export function convolveBackpropFilter(
  x: tfc.Tensor4D,
  filterShape: readonly number[],
  dy: tfc.Tensor4D,
  stride: number,
  padding: string,
): tfc.Tensor4D {
  if (dy.size === 0) return tf.zeros(filterShape as tfc.Tensor4D['shape']);
  return tf.tidy(() => {
    const [kernelRows, kernelColumns, inner, outer] = filterShape as [
      number,
      number,
      number,
      number,
    ];
    const images = tf.transpose(x, [3, 1, 2, 0]) as tfc.Tensor4D;
    const derivative = tf.transpose(dilate(dy, stride), [1, 2, 0, 3]) as tfc.Tensor4D;
    const pad = explicit(
      borderOf(x.shape[1], kernelRows, stride, padding),
      borderOf(x.shape[2], kernelColumns, stride, padding),
    );
    const result = tf.conv2d(images, derivative, 1, pad);
    // With a stride the last rows of the image can lie beyond the last window.
    const cut = tf.slice(result, [0, 0, 0, 0], [inner, kernelRows, kernelColumns, outer]);
    return tf.transpose(cut, [1, 2, 0, 3]) as tfc.Tensor4D;
  });
}
