/** Depthwise convolution as TF-Slim has it. */
import type { Tensor } from '../graph/graph.ts';
import { cast } from '../graph/ops/array.ts';
import { depthwiseConv2d as depthwiseConv2dOp } from '../graph/ops/depthwise.ts';
import { type Conv2dLayerOptions, finish, weightsOf } from './layers.ts';
import type { NetworkContext } from './network.ts';

/**
 * Depthwise convolution with square kernels, one for each channel (slim.separable_conv2d without
 * outputs, which leaves its pointwise half out).
 *
 * @param x       [n, h, w, channels]
 * @param kernel  side of the kernel in pixels
 * @returns       [n, h', w', channels]
 */
export function depthwiseConv2d(
  context: NetworkContext,
  x: Tensor,
  name: string,
  kernel: number,
  options: Omit<Conv2dLayerOptions, 'rate'> = {},
): Tensor {
  return x.graph.withScope(name, () => {
    const { stride = 1, padding = 'SAME' } = options;
    const names = { weights: 'depthwise_weights', biases: 'biases', ...options.names };
    const named = { ...options, names };
    const weights = weightsOf(context, x, [kernel, kernel, x.shape[3]!, 1], named);
    // TensorFlow's kernels for bfloat16 are slower, the filter's derivative with 5×5 pixels five times.
    const y = depthwiseConv2dOp(cast(x, 'float32'), weights, { stride, padding });
    return finish(context, y, named);
  });
}
