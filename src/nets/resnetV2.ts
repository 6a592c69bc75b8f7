/** resnet_v2_50 as TF-Slim has it (nets/resnet_v2.py; He et al. 2016), for 224×224 images. */
import type { Tensor } from '../graph/graph.ts';
import { add } from '../graph/ops/math.ts';
import { relu } from '../graph/ops/nn.ts';
import { varianceScaling } from './initializers.ts';
import { conv2d, type WeightLayerOptions } from './layers.ts';
import type { Network, NetworkContext, NetworkDefinition } from './network.ts';
import { batchNormalization } from './normalization.ts';
import { maxPool2d } from './pooling.ts';
import { addHead, batchNorm, conv2dSame, convolution, subsample } from './resnetUtils.ts';

/** What is added to the sum of the units, or the first of it: normalised later, so with biases. */
const unnormalized: WeightLayerOptions = {
  weights: varianceScaling(2),
  regularized: true,
  activation: 'linear',
};

/** Batch normalisation and ReLU ahead of the convolutions. */
function preactivate(context: NetworkContext, x: Tensor, name: string): Tensor {
  return relu(batchNormalization(context, x, { ...batchNorm, name }));
}

/** One residual unit: 1×1, 3×3 and 1×1 convolutions of its normalised input beside a shortcut. */
function bottleneck(
  context: NetworkContext,
  x: Tensor,
  baseDepth: number,
  stride: number,
  endPoints: Map<string, Tensor>,
): Tensor {
  const { graph } = x;
  return graph.withScope('bottleneck_v2', () => {
    const collect = (name: string, tensor: Tensor) => {
      endPoints.set(`${graph.scope}/${name}`, tensor);
      return tensor;
    };
    const depth = 4 * baseDepth;
    const input = preactivate(context, x, 'preact');
    const strided = { ...unnormalized, stride };
    const shortcut =
      x.shape[3] === depth
        ? subsample(x, stride, 'shortcut')
        : collect('shortcut', conv2d(context, input, 'shortcut', depth, 1, strided));
    const conv1 = collect('conv1', conv2d(context, input, 'conv1', baseDepth, 1, convolution));
    const conv2 = collect('conv2', conv2dSame(context, conv1, 'conv2', baseDepth, 3, stride));
    const conv3 = collect('conv3', conv2d(context, conv2, 'conv3', depth, 1, unnormalized));
    const unit = add(shortcut, conv3);
    endPoints.set(graph.scope, unit);
    return unit;
  });
}

/** Residual units of block1 to block4; the last of each block but block4 has stride 2. */
const units = [3, 4, 6, 3] as const;
const name = 'resnet_v2_50';

const build: Network = (images, context) => {
  const { graph } = images;
  const endPoints = new Map<string, Tensor>();
  return graph.withScope(name, () => {
    let net = conv2dSame(context, images, 'conv1', 64, 7, 2, unnormalized);
    endPoints.set(`${name}/conv1`, net);
    net = maxPool2d(net, 'pool1', 3, { padding: 'SAME' });
    units.forEach((count, block) => {
      graph.withScope(`block${block + 1}`, () => {
        for (let unit = 1; unit <= count; unit++) {
          const stride = unit === count && block < 3 ? 2 : 1;
          net = graph.withScope(`unit_${unit}`, () =>
            bottleneck(context, net, 64 * 2 ** block, stride, endPoints),
          );
        }
        endPoints.set(graph.scope, net);
      });
    });
    return addHead(context, preactivate(context, net, 'postnorm'), name, endPoints);
  });
};

/** 50 weight layers; 25,568,360 trainable parameters for 1,000 classes. */
export const resnetV2_50: NetworkDefinition = {
  build,
  defaultImageSize: 224,
  preprocessingName: 'vgg',
};
