/** mobilenet_v2 as TF-Slim has it (nets/mobilenet/mobilenet_v2.py; Sandler et al. 2018), for 224×224 images. */
import type { Tensor } from '../graph/graph.ts';
import { add } from '../graph/ops/math.ts';
import { depthwiseConv2d } from './depthwise.ts';
import { dropout } from './dropout.ts';
import { truncatedNormal } from './initializers.ts';
import { conv2d, softmax, type WeightLayerOptions } from './layers.ts';
import type { Network, NetworkContext, NetworkDefinition } from './network.ts';
import { lastPool2d, spatialSqueeze } from './pooling.ts';

const depthwise: WeightLayerOptions = {
  weights: truncatedNormal(0.09),
  activation: 'relu6',
  batchNorm: { decay: 0.997, epsilon: 0.001 },
};
const convolution: WeightLayerOptions = { ...depthwise, regularized: true };

const firstDepth = 32;
const lastDepth = 1280;
/** Channels within a block for each channel of its input; the first block has none more. */
const expansion = 6;

/** Blocks of as many channels: the first of them has the stride. */
const stages: readonly (readonly [repeats: number, stride: number, depth: number])[] = [
  [1, 1, 16],
  [2, 2, 24],
  [3, 2, 32],
  [4, 2, 64],
  [3, 1, 96],
  [3, 2, 160],
  [1, 1, 320],
];

/** An inverted residual: expansion, depthwise convolution, projection, and the input added where it fits. */
function expandedConv(
  context: NetworkContext,
  x: Tensor,
  expanded: number,
  stride: number,
  depth: number,
  keep: (name: string, tensor: Tensor) => Tensor,
): Tensor {
  const channels = x.shape[3]!;
  let net = x;
  if (expanded > channels) {
    net = keep('expansion_output', conv2d(context, net, 'expand', expanded, 1, convolution));
  }
  net = keep(
    'depthwise_output',
    depthwiseConv2d(context, net, 'depthwise', 3, { ...depthwise, stride }),
  );
  const linear = { ...convolution, activation: 'linear' } as const;
  net = conv2d(context, net, 'project', depth, 1, linear);
  return keep('output', stride === 1 && depth === channels ? add(net, x) : net);
}

const build: Network = (images, context) => {
  const { graph } = images;
  const endPoints = new Map<string, Tensor>();
  const keep = (name: string, tensor: Tensor) => {
    endPoints.set(name, tensor);
    return tensor;
  };
  return graph.withScope('MobilenetV2', () => {
    const first = { ...convolution, stride: 2 };
    let net = keep('layer_1', conv2d(context, images, 'Conv', firstDepth, 3, first));
    let blocks = 0;
    for (const [repeats, firstStride, depth] of stages) {
      for (let i = 0; i < repeats; i++, blocks++) {
        const layer = `layer_${blocks + 2}`;
        const expanded = net.shape[3]! * (blocks === 0 ? 1 : expansion);
        const stride = i === 0 ? firstStride : 1;
        net = graph.withScope(blocks === 0 ? 'expanded_conv' : `expanded_conv_${blocks}`, () =>
          expandedConv(context, net, expanded, stride, depth, (name, tensor) =>
            keep(`${layer}/${name}`, tensor),
          ),
        );
        keep(layer, net);
      }
    }
    net = keep(`layer_${blocks + 2}`, conv2d(context, net, 'Conv_1', lastDepth, 1, convolution));
    const logits = graph.withScope('Logits', () => {
      const pooled = keep('global_pool', lastPool2d(net, 'AvgPool'));
      const dropped = dropout(context, pooled, 'Dropout', 0.8);
      const convolved = conv2d(context, dropped, 'Conv2d_1c_1x1', context.numClasses, 1, {
        weights: truncatedNormal(0.09),
        regularized: true,
        activation: 'linear',
      });
      return spatialSqueeze(convolved, 'output');
    });
    keep('Logits', logits);
    keep('Predictions', softmax(logits, 'Predictions'));
    return { logits, endPoints };
  });
};

/** MobileNet v2 of depth 1: 3,504,872 trainable parameters for 1,000 classes. */
export const mobilenetV2: NetworkDefinition = {
  build,
  defaultImageSize: 224,
  preprocessingName: 'inception',
};
