/** resnet_v1_20, the small ResNet for 32×32 images (He et al. 2015, section 4.2), named as TF-Slim's are. */
import type { Tensor } from '../graph/graph.ts';
import { pad } from '../graph/ops/array.ts';
import { add } from '../graph/ops/math.ts';
import { relu } from '../graph/ops/nn.ts';
import type { WeightLayerOptions } from './layers.ts';
import type { Network, NetworkContext, NetworkDefinition } from './network.ts';
import { addHead, conv2dSame, convolution as ofSlim, subsample } from './resnetUtils.ts';

/** Statistics that follow within tens of steps: on small data an epoch has no more. */
const convolution: WeightLayerOptions = { ...ofSlim, batchNorm: { decay: 0.9, epsilon: 1e-5 } };

/** Residual units of each block, and channels of the first block. */
const units = 3;
const firstDepth = 16;

/** Every stride-th pixel, and zeros for the channels that are missing: the paper's option A, without weights. */
function shortcutOf(x: Tensor, depth: number, stride: number): Tensor {
  const missing = depth - x.shape[3]!;
  const pixels = subsample(x, stride, 'shortcut');
  const none = [0, 0] as const;
  return missing === 0 ? pixels : pad(pixels, [none, none, none, [0, missing]]);
}

/** One residual unit: two 3×3 convolutions beside a shortcut. */
function basicUnit(
  context: NetworkContext,
  x: Tensor,
  depth: number,
  stride: number,
  endPoints: Map<string, Tensor>,
): Tensor {
  const { graph } = x;
  return graph.withScope('basic_v1', () => {
    const shortcut = shortcutOf(x, depth, stride);
    const conv1 = conv2dSame(context, x, 'conv1', depth, 3, stride, convolution);
    endPoints.set(`${graph.scope}/conv1`, conv1);
    const linear = { ...convolution, activation: 'linear' } as const;
    const conv2 = conv2dSame(context, conv1, 'conv2', depth, 3, 1, linear);
    endPoints.set(`${graph.scope}/conv2`, conv2);
    const unit = relu(add(shortcut, conv2));
    endPoints.set(graph.scope, unit);
    return unit;
  });
}

const name = 'resnet_v1_20';

const build: Network = (images, context) => {
  const { graph } = images;
  const endPoints = new Map<string, Tensor>();
  return graph.withScope(name, () => {
    let net = conv2dSame(context, images, 'conv1', firstDepth, 3, 1, convolution);
    endPoints.set(`${name}/conv1`, net);
    for (let block = 1; block <= 3; block++) {
      graph.withScope(`block${block}`, () => {
        const depth = firstDepth * 2 ** (block - 1);
        for (let unit = 1; unit <= units; unit++) {
          const stride = unit === 1 && block > 1 ? 2 : 1;
          net = graph.withScope(`unit_${unit}`, () =>
            basicUnit(context, net, depth, stride, endPoints),
          );
        }
        endPoints.set(graph.scope, net);
      });
    }
    return addHead(context, net, name, endPoints);
  });
};

/** 20 weight layers; 269,722 trainable parameters for ten classes. */
export const resnetV1_20: NetworkDefinition = {
  build,
  defaultImageSize: 32,
  preprocessingName: 'crop_and_mirror',
};
