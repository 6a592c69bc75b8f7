/** mobilenet_v1 as TF-Slim has it (nets/mobilenet_v1.py; Howard et al. 2017), for 224×224 images. */
import type { Tensor } from '../graph/graph.ts';
import { depthwiseConv2d } from './depthwise.ts';
import { dropout } from './dropout.ts';
import { truncatedNormal } from './initializers.ts';
import { conv2d, softmax, type WeightLayerOptions } from './layers.ts';
import type { Network, NetworkDefinition } from './network.ts';
import { lastPool2d, spatialSqueeze } from './pooling.ts';

const depthwise: WeightLayerOptions = {
  weights: truncatedNormal(0.09),
  activation: 'relu6',
  batchNorm: { decay: 0.9997, epsilon: 0.001 },
};
const convolution: WeightLayerOptions = { ...depthwise, regularized: true };

/** Channels of the first convolution, and side of the last pooling for 224 pixels. */
const firstDepth = 32;
const poolSide = 7;

/** Stride of each depthwise convolution, and channels of the pointwise one behind it. */
const separable: readonly (readonly [stride: number, depth: number])[] = [
  [1, 64],
  [2, 128],
  [1, 128],
  [2, 256],
  [1, 256],
  [2, 512],
  ...new Array<readonly [number, number]>(5).fill([1, 512]),
  [2, 1024],
  [1, 1024],
];

const build: Network = (images, context) => {
  const { graph } = images;
  const endPoints = new Map<string, Tensor>();
  const keep = (name: string, tensor: Tensor) => {
    endPoints.set(name, tensor);
    return tensor;
  };
  return graph.withScope('MobilenetV1', () => {
    const first = { ...convolution, stride: 2 };
    let net = keep('Conv2d_0', conv2d(context, images, 'Conv2d_0', firstDepth, 3, first));
    separable.forEach(([stride, depth], i) => {
      const name = `Conv2d_${i + 1}`;
      const spatial = `${name}_depthwise`;
      net = keep(spatial, depthwiseConv2d(context, net, spatial, 3, { ...depthwise, stride }));
      const pointwise = `${name}_pointwise`;
      net = keep(pointwise, conv2d(context, net, pointwise, depth, 1, convolution));
    });
    const logits = graph.withScope('Logits', () => {
      const pooled = keep('AvgPool_1a', lastPool2d(net, 'AvgPool_1a', poolSide));
      const dropped = dropout(context, pooled, 'Dropout_1b', 0.999);
      const convolved = conv2d(context, dropped, 'Conv2d_1c_1x1', context.numClasses, 1, {
        weights: truncatedNormal(0.09),
        regularized: true,
        activation: 'linear',
      });
      return spatialSqueeze(convolved);
    });
    keep('Logits', logits);
    keep('Predictions', softmax(logits, 'Predictions'));
    return { logits, endPoints };
  });
};

/** MobileNet v1 of depth 1: 4,231,976 trainable parameters for 1,000 classes. */
export const mobilenetV1: NetworkDefinition = {
  build,
  defaultImageSize: 224,
  preprocessingName: 'inception',
};
