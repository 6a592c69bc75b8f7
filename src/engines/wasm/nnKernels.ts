/** Kernels of ops/nn.ts. */
import type * as tfc from '@tensorflow/tfjs-core';
import type { Node } from '../../graph/graph.ts';
import { attr, constantInput } from '../../graph/nodeInputs.ts';
import { keepNaN } from './activationKernels.ts';
import {
  borderOf,
  convolve,
  convolveBackpropFilter,
  convolveBackpropInput,
} from './convolution.ts';
import { allocate, intView, view } from './heap.ts';
import type { KernelTable } from './kernel.ts';
import { tf } from './tfjs.ts';

function windowOf(node: Node): { stride: number; padding: string } {
  return { stride: attr(node, 'strides', 'ints')[1]!, padding: attr(node, 'padding', 's') };
}

/**
 * Derivative of max pooling: each element of dy goes to the first largest element of its window, as
 * in TensorFlow's CPU kernel.
 */
function maxPoolGrad(node: Node, x: tfc.Tensor, dy: tfc.Tensor): tfc.Tensor {
  const { stride, padding } = windowOf(node);
  const window = attr(node, 'ksize', 'ints')[1]!;
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [, outHeight, outWidth] = dy.shape as [number, number, number, number];
  const topBorder = borderOf(height, window, stride, padding).before;
  const leftBorder = borderOf(width, window, stride, padding).before;
  const dx = allocate(x.shape);
  const [values, derivative, result] = [view(x), view(dy), view(dx).fill(0)];
  let from = 0;
  for (let n = 0; n < batch; n++) {
    for (let oy = 0; oy < outHeight; oy++) {
      const y0 = Math.max(0, oy * stride - topBorder);
      const y1 = Math.min(height, oy * stride - topBorder + window);
      for (let ox = 0; ox < outWidth; ox++) {
        const x0 = Math.max(0, ox * stride - leftBorder);
        const x1 = Math.min(width, ox * stride - leftBorder + window);
        for (let c = 0; c < channels; c++, from++) {
          let best = ((n * height + y0) * width + x0) * channels + c;
          let largest = values[best]!;
          for (let y = y0; y < y1; y++) {
            let at = ((n * height + y) * width + x0) * channels + c;
            for (let column = x0; column < x1; column++, at += channels) {
              if (values[at]! > largest) {
                largest = values[at]!;
                best = at;
              }
            }
          }
          result[best] = result[best]! + derivative[from]!;
        }
      }
    }
  }
  return dx;
}

/** Loss of each row and its derivative with respect to the logits. */
function softmaxCrossEntropy(logits: tfc.Tensor, targets: tfc.Tensor): tfc.Tensor[] {
  const [rows, classes] = logits.shape as [number, number];
  const loss = allocate([rows]);
  const backprop = allocate(logits.shape);
  const [z, y, l, b] = [view(logits), view(targets), view(loss), view(backprop)];
  for (let row = 0; row < rows; row++) {
    const first = row * classes;
    let largest = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < classes; k++) largest = Math.max(largest, z[first + k]!);
    let total = 0;
    for (let k = 0; k < classes; k++) total += Math.exp(z[first + k]! - largest);
    const logTotal = Math.log(total);
    let sum = 0;
    for (let k = 0; k < classes; k++) {
      const logP = z[first + k]! - largest - logTotal;
      const target = y[first + k]!;
      if (target !== 0) sum -= target * logP;
      b[first + k] = Math.exp(logP) - target;
    }
    l[row] = sum;
  }
  return [loss, backprop];
}

/** Mean and variance of each channel over all other dimensions. */
function channelStatistics(
  x: Float32Array,
  channels: number,
): { mean: Float64Array; variance: Float64Array } {
  const count = x.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  for (let i = 0; i < x.length; )
    for (let c = 0; c < channels; c++, i++) mean[c] = mean[c]! + x[i]!;
  for (let c = 0; c < channels; c++) mean[c] = mean[c]! / count;
  for (let i = 0; i < x.length; ) {
    for (let c = 0; c < channels; c++, i++) {
      const distance = x[i]! - mean[c]!;
      variance[c] = variance[c]! + distance * distance;
    }
  }
  for (let c = 0; c < channels; c++) variance[c] = variance[c]! / count;
  return { mean, variance };
}

function batchNorm(node: Node, inputs: readonly tfc.Tensor[]): tfc.Tensor[] {
  const [x, scale, offset, mean, variance] = inputs as [
    tfc.Tensor,
    tfc.Tensor,
    tfc.Tensor,
    tfc.Tensor,
    tfc.Tensor,
  ];
  const isTraining = attr(node, 'is_training', 'b');
  const epsilon = attr(node, 'epsilon', 'f');
  const channels = scale.size;
  const outputs = [allocate(x.shape), ...Array.from({ length: 5 }, () => allocate([channels]))];
  const [y, meanOut, varianceOut, reserved1, reserved2, reserved3] = outputs.map(view) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const values = view(x);
  const count = values.length / channels;
  const statistics = isTraining
    ? channelStatistics(values, channels)
    : { mean: view(mean), variance: view(variance) };
  const factor = new Float64Array(channels);
  const shift = new Float64Array(channels);
  const [gamma, beta] = [view(scale), view(offset)];
  for (let c = 0; c < channels; c++) {
    factor[c] = gamma[c]! / Math.sqrt(statistics.variance[c]! + epsilon);
    shift[c] = beta[c]! - statistics.mean[c]! * factor[c]!;
    meanOut[c] = statistics.mean[c]!;
    // Training gives the unbiased variance, as the moving one is to estimate that of all data.
    varianceOut[c] = statistics.variance[c]! * (isTraining ? count / Math.max(1, count - 1) : 1);
    reserved1[c] = statistics.mean[c]!;
    reserved2[c] = statistics.variance[c]!;
    reserved3[c] = 0;
  }
  for (let i = 0; i < values.length; ) {
    for (let c = 0; c < channels; c++, i++) y[i] = values[i]! * factor[c]! + shift[c]!;
  }
  return outputs;
}

/**
 * With x̂ = (x − mean)/σ: dOffset = Σ dy, dScale = Σ dy·x̂, and in training
 * dx = scale/σ·(dy − mean(dy) − x̂·mean(dy·x̂)), otherwise scale/σ·dy.
 */
function batchNormGrad(node: Node, inputs: readonly tfc.Tensor[]): tfc.Tensor[] {
  const [dy, x, scale, mean, variance] = inputs as [
    tfc.Tensor,
    tfc.Tensor,
    tfc.Tensor,
    tfc.Tensor,
    tfc.Tensor,
  ];
  const isTraining = attr(node, 'is_training', 'b');
  const epsilon = attr(node, 'epsilon', 'f');
  const channels = scale.size;
  const outputs = [
    allocate(x.shape),
    allocate([channels]),
    allocate([channels]),
    allocate([0]),
    allocate([0]),
  ];
  const [dx, dScale, dOffset] = outputs.slice(0, 3).map(view) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const [values, derivative, gamma, means, variances] = [
    view(x),
    view(dy),
    view(scale),
    view(mean),
    view(variance),
  ];
  const count = values.length / channels;
  const inverse = Float64Array.from(variances, (v) => 1 / Math.sqrt(v + epsilon));
  const sums = new Float64Array(channels);
  const products = new Float64Array(channels);
  for (let i = 0; i < values.length; ) {
    for (let c = 0; c < channels; c++, i++) {
      sums[c] = sums[c]! + derivative[i]!;
      products[c] = products[c]! + derivative[i]! * (values[i]! - means[c]!) * inverse[c]!;
    }
  }
  dScale.set(products);
  dOffset.set(sums);
  for (let i = 0; i < values.length; ) {
    for (let c = 0; c < channels; c++, i++) {
      const normalized = (values[i]! - means[c]!) * inverse[c]!;
      const centred = isTraining
        ? derivative[i]! - (sums[c]! + normalized * products[c]!) / count
        : derivative[i]!;
      dx[i] = gamma[c]! * inverse[c]! * centred;
    }
  }
  return outputs;
}

/** Kernels by op. */
export const nnKernels: KernelTable = {
  Conv2D: (node, [x, filter]) => {
    const { stride, padding } = windowOf(node);
    return convolve(x as tfc.Tensor4D, filter as tfc.Tensor4D, stride, padding);
  },
  Conv2DBackpropInput: (node, [shape, filter, dy]) => {
    const { stride, padding } = windowOf(node);
    return convolveBackpropInput(
      [...intView(shape!)],
      filter as tfc.Tensor4D,
      dy as tfc.Tensor4D,
      stride,
      padding,
    );
  },
  Conv2DBackpropFilter: (node, [x, , dy]) => {
    const { stride, padding } = windowOf(node);
    return convolveBackpropFilter(
      x as tfc.Tensor4D,
      constantInput(node, 1),
      dy as tfc.Tensor4D,
      stride,
      padding,
    );
  },
  BiasAdd: (_node, [x, bias]) => tf.add(x!, bias!),
  BiasAddGrad: (_node, [dy]) => {
    const channels = dy!.shape.at(-1)!;
    const y = allocate([channels]);
    const [values, result] = [view(dy!), view(y)];
    const sums = new Float64Array(channels);
    for (let i = 0; i < values.length; ) {
      for (let c = 0; c < channels; c++, i++) sums[c] = sums[c]! + values[i]!;
    }
    result.set(sums);
    return y;
  },
  Relu: (_node, [x]) => keepNaN(x!, tf.relu),
  ReluGrad: (_node, [dy, features]) => tf.tidy(() => tf.mul(dy!, tf.step(features!))),
  MaxPool: (node, [x]) => {
    const { stride, padding } = windowOf(node);
    const window = attr(node, 'ksize', 'ints')[1]!;
    return tf.maxPool(x as tfc.Tensor4D, window, stride, padding === 'SAME' ? 'same' : 'valid');
  },
  MaxPoolGrad: (node, [x, , dy]) => maxPoolGrad(node, x!, dy!),
  Softmax: (_node, [logits]) => tf.softmax(logits!),
  LogSoftmax: (_node, [logits]) => tf.tidy(() => tf.logSoftmax(logits!)),
  SoftmaxCrossEntropyWithLogits: (_node, [logits, targets]) =>
    softmaxCrossEntropy(logits!, targets!),
  L2Loss: (_node, [x]) => {
    const values = view(x!);
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
    return tf.scalar(sum / 2);
  },
  FusedBatchNormV3: batchNorm,
  FusedBatchNormGradV3: batchNormGrad,
};
