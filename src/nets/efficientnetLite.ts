/**
 * EfficientNet-Lite0 as its authors have it (tensorflow/tpu, models/official/efficientnet/lite;
 * Tan & Le 2019), for 224×224 images: MBConv blocks with ReLU6, without squeeze-and-excitation.
 *
 * Variables have the names of the authors' checkpoints, below `efficientnet-lite0/`. A convolution
 * and the batch normalisation behind it are siblings there, numbered within their scope:
 *
 * - `stem/conv2d/kernel`, `stem/tpu_batch_normalization/…`
 * - `blocks_0/depthwise_conv2d/depthwise_kernel`, `blocks_0/tpu_batch_normalization/…`,
 *   `blocks_0/conv2d/kernel` (projection), `blocks_0/tpu_batch_normalization_1/…`
 * - of the blocks 1 to 15, which expand first: `conv2d/kernel` (expansion),
 *   `tpu_batch_normalization/…`, `depthwise_conv2d/depthwise_kernel`, `tpu_batch_normalization_1/…`,
 *   `conv2d_1/kernel` (projection), `tpu_batch_normalization_2/…`
 * - `head/conv2d/kernel`, `head/tpu_batch_normalization/…`, `head/dense/kernel`, `head/dense/bias`
 *
 * with `…` for gamma, beta, moving_mean and moving_variance.
 */
import type { Tensor } from '../graph/graph.ts';
import { add } from '../graph/ops/math.ts';
import { type Activation, activate } from './activations.ts';
import { depthwiseConv2d } from './depthwise.ts';
import { dropBranch, dropout } from './dropout.ts';
import { fanOutNormal, uniform, zeros } from './initializers.ts';
import { conv2d, fullyConnected, type WeightLayerOptions } from './layers.ts';
import type { Network, NetworkContext, NetworkDefinition } from './network.ts';
import { batchNormalization } from './normalization.ts';
import { lastPool2d, spatialSqueeze } from './pooling.ts';

/** Blocks of one kind: the first of them has the stride. */
interface Stage {
  readonly repeats: number;
  /** Side of the depthwise kernels in pixels. */
  readonly kernel: number;
  readonly stride: number;
  /** Channels within a block for each channel of its input. */
  readonly expansion: number;
  /** Channels of the output. */
  readonly filters: number;
}

const stages: readonly Stage[] = [
  { repeats: 1, kernel: 3, stride: 1, expansion: 1, filters: 16 },
  { repeats: 2, kernel: 3, stride: 2, expansion: 6, filters: 24 },
  { repeats: 2, kernel: 5, stride: 2, expansion: 6, filters: 40 },
  { repeats: 3, kernel: 3, stride: 2, expansion: 6, filters: 80 },
  { repeats: 3, kernel: 5, stride: 1, expansion: 6, filters: 112 },
  { repeats: 4, kernel: 5, stride: 2, expansion: 6, filters: 192 },
  { repeats: 1, kernel: 3, stride: 1, expansion: 6, filters: 320 },
];
const stemFilters = 32;
const headFilters = 1280;
/** Of the last block's branch, were there one more; the first one's is always kept. */
const survivalProbability = 0.8;
const keepProbability = 0.8;
const batchNorm = { decay: 0.99, epsilon: 1e-3 };

const convolution: WeightLayerOptions = {
  weights: fanOutNormal(2),
  biases: 'none',
  regularized: true,
  activation: 'linear',
  names: { weights: 'kernel', biases: 'bias' },
};

/** Uniform within ±1/√1000, as of the authors' classes: ±1/√10 would begin with a loss of seven nats. */
const denseKernel = uniform(1 / Math.sqrt(1000));

/** The layers of one scope, which numbers them as TensorFlow does. */
function layersOf(context: NetworkContext) {
  const counts = new Map<string, number>();
  const numbered = (name: string) => {
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  };
  const normalized = (x: Tensor, activation: Activation) => {
    const name = numbered('tpu_batch_normalization');
    return activate(batchNormalization(context, x, { ...batchNorm, name }), activation);
  };
  return {
    conv: (x: Tensor, filters: number, kernel: number, stride: number, activation: Activation) => {
      const options = { ...convolution, stride };
      return normalized(
        conv2d(context, x, numbered('conv2d'), filters, kernel, options),
        activation,
      );
    },
    depthwise: (x: Tensor, kernel: number, stride: number) => {
      const names = { weights: 'depthwise_kernel', biases: 'bias' };
      const options = { ...convolution, names, stride };
      return normalized(depthwiseConv2d(context, x, 'depthwise_conv2d', kernel, options), 'relu6');
    },
  };
}

/** MBConv: expansion, depthwise convolution, projection, and the input added where it fits. */
function block(
  context: NetworkContext,
  x: Tensor,
  index: number,
  { kernel, stride, expansion, filters }: Stage,
  endPoints: Map<string, Tensor>,
): Tensor {
  const { conv, depthwise } = layersOf(context);
  const channels = x.shape[3]!;
  let net = expansion === 1 ? x : conv(x, channels * expansion, 1, 1, 'relu6');
  net = depthwise(net, kernel, stride);
  endPoints.set(`block_${index}/expansion_output`, net);
  net = conv(net, filters, 1, 1, 'linear');
  if (stride === 1 && channels === filters) {
    const survival = 1 - ((1 - survivalProbability) * index) / blockCount;
    net = add(dropBranch(context, net, 'drop_connect', survival, index), x);
  }
  endPoints.set(`block_${index}`, net);
  return net;
}

const blocks = stages.flatMap((stage) =>
  Array.from({ length: stage.repeats }, (_, i) => (i === 0 ? stage : { ...stage, stride: 1 })),
);
const blockCount = blocks.length;

const build: Network = (images, context) => {
  const { graph } = images;
  const endPoints = new Map<string, Tensor>();
  const keep = (name: string, tensor: Tensor) => {
    endPoints.set(name, tensor);
    return tensor;
  };
  return graph.withScope('efficientnet-lite0', () => {
    let net = graph.withScope('stem', () =>
      keep('stem', layersOf(context).conv(images, stemFilters, 3, 2, 'relu6')),
    );
    let reductions = 0;
    blocks.forEach((stage, index) => {
      net = graph.withScope(`blocks_${index}`, () => block(context, net, index, stage, endPoints));
      // The last features of each size.
      const isReduction = (blocks[index + 1]?.stride ?? 2) > 1;
      if (isReduction) endPoints.set(`reduction_${++reductions}`, net);
    });
    keep('features', net);
    return graph.withScope('head', () => {
      const convolved = keep('head_1x1', layersOf(context).conv(net, headFilters, 1, 1, 'relu6'));
      const pooled = keep('pooled_features', lastPool2d(convolved, 'pool'));
      const dropped = dropout(context, pooled, 'dropout', keepProbability, blockCount);
      const flat = spatialSqueeze(keep('global_pool', dropped));
      const logits = fullyConnected(context, flat, 'dense', context.numClasses, {
        ...convolution,
        weights: denseKernel,
        biases: zeros,
      });
      return { logits: keep('head', logits), endPoints };
    });
  });
};

/** EfficientNet-Lite0: 4,652,008 trainable parameters for 1,000 classes. */
export const efficientnetLite0: NetworkDefinition = {
  build,
  defaultImageSize: 224,
  preprocessingName: 'efficientnet',
};
