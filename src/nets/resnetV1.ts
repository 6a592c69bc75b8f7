/** resnet_v1 as TF-Slim has it (nets/resnet_v1.py; He et al. 2015), for 224×224 images. */
import type { Tensor } from '../graph/graph.ts';
import { add } from '../graph/ops/math.ts';
import { relu } from '../graph/ops/nn.ts';
import { conv2d } from './layers.ts';
import type { Network, NetworkContext, NetworkDefinition } from './network.ts';
import { maxPool2d } from './pooling.ts';
import { addHead, conv2dSame, convolution, subsample } from './resnetUtils.ts';

/** One residual unit: 1×1, 3×3 and 1×1 convolutions beside a shortcut. */
function bottleneck(
  context: NetworkContext,
  x: Tensor,
  baseDepth: number,
  stride: number,
  endPoints: Map<string, Tensor>,
): Tensor {
  const { graph } = x;
  return graph.withScope('bottleneck_v1', () => {
    const collect = (name: string, tensor: Tensor) => {
      endPoints.set(`${graph.scope}/${name}`, tensor);
      return tensor;
    };
    const depth = 4 * baseDepth;
    const linear = { ...convolution, activation: 'linear' } as const;
    let shortcut = x;
    if (x.shape[3] !== depth) {
      const options = { ...linear, stride };
      shortcut = collect('shortcut', conv2d(context, x, 'shortcut', depth, 1, options));
    } else {
      shortcut = subsample(x, stride, 'shortcut');
    }
    const conv1 = collect('conv1', conv2d(context, x, 'conv1', baseDepth, 1, convolution));
    const conv2 = collect('conv2', conv2dSame(context, conv1, 'conv2', baseDepth, 3, stride));
    const conv3 = collect('conv3', conv2d(context, conv2, 'conv3', depth, 1, linear));
    const unit = relu(add(shortcut, conv3));
    endPoints.set(graph.scope, unit);
    return unit;
  });
}

/** @param units  residual units of block1 to block4; the last of each block but block4 has stride 2 */
function resnetV1(name: string, units: readonly [number, number, number, number]): Network {
  return (images, context) => {
    const { graph } = images;
    const endPoints = new Map<string, Tensor>();
    return graph.withScope(name, () => {
      let net = conv2dSame(context, images, 'conv1', 64, 7, 2);
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
      return addHead(context, net, name, endPoints);
    });
  };
}

function definition(
  name: string,
  units: readonly [number, number, number, number],
): NetworkDefinition {
  return { build: resnetV1(name, units), defaultImageSize: 224, preprocessingName: 'vgg' };
}

/** 50 weight layers; 23,528,522 trainable parameters for ten classes. */
export const resnetV1_50 = definition('resnet_v1_50', [3, 4, 6, 3]);
/** 101 weight layers */
export const resnetV1_101 = definition('resnet_v1_101', [3, 4, 23, 3]);
/** 152 weight layers */
export const resnetV1_152 = definition('resnet_v1_152', [3, 8, 36, 3]);
