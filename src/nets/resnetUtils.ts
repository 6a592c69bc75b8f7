/** What the ResNets have in common (TF-Slim's nets/resnet_utils.py). */
import type { Tensor } from '../graph/graph.ts';
import { cast, pad, reshape } from '../graph/ops/array.ts';
import { mean } from '../graph/ops/math.ts';
import { varianceScaling } from './initializers.ts';
import { conv2d, softmax, type WeightLayerOptions } from './layers.ts';
import type { NetworkContext, NetworkOutputs } from './network.ts';
import { maxPool2d } from './pooling.ts';

/** Batch normalisation and convolutions of TF-Slim's ResNets (resnet_arg_scope). */
export const batchNorm = { decay: 0.997, epsilon: 1e-5 };
export const convolution: WeightLayerOptions = {
  weights: varianceScaling(2),
  regularized: true,
  batchNorm,
};

/**
 * A convolution whose padding does not depend on the size of the image (slim's conv2d_same): with a
 * stride, kernel − 1 pixels are padded, the odd one behind, and the convolution is VALID.
 */
export function conv2dSame(
  context: NetworkContext,
  x: Tensor,
  name: string,
  filters: number,
  kernel: number,
  stride: number,
  options: WeightLayerOptions = convolution,
): Tensor {
  if (stride === 1) return conv2d(context, x, name, filters, kernel, options);
  const before = Math.floor((kernel - 1) / 2);
  const border = [before, kernel - 1 - before] as const;
  const padded = pad(x, [[0, 0], border, border, [0, 0]]);
  return conv2d(context, padded, name, filters, kernel, { ...options, stride, padding: 'VALID' });
}

/** Every stride-th pixel in both directions (slim's subsample): [n, h, w, c] → [n, h', w', c]. */
export function subsample(x: Tensor, stride: number, name: string): Tensor {
  return stride === 1 ? x : maxPool2d(x, name, 1, { stride, padding: 'SAME' });
}

/**
 * The end of a ResNet: mean over all pixels, logits as a 1×1 convolution, softmax.
 *
 * @param name       of the network
 * @param endPoints  of what is before; what is made here is added
 */
export function addHead(
  context: NetworkContext,
  x: Tensor,
  name: string,
  endPoints: Map<string, Tensor>,
): NetworkOutputs {
  const pooled = mean(cast(x, 'float32'), [1, 2], { keepDims: true, name: 'pool5' });
  endPoints.set('global_pool', pooled);
  const convolved = conv2d(context, pooled, 'logits', context.numClasses, 1, {
    weights: varianceScaling(2),
    regularized: true,
    activation: 'linear',
  });
  endPoints.set(`${name}/logits`, convolved);
  const logits = x.graph.withScope('SpatialSqueeze', () =>
    reshape(convolved, [-1, context.numClasses]),
  );
  endPoints.set(`${name}/spatial_squeeze`, logits);
  endPoints.set('predictions', softmax(logits, 'predictions'));
  return { logits, endPoints };
}
