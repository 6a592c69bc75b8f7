/** inception_v3 as TF-Slim has it (nets/inception_v3.py; Szegedy et al. 2015), for 299×299 images. */
import type { Tensor } from '../graph/graph.ts';
import { concat } from '../graph/ops/array.ts';
import { dropout } from './dropout.ts';
import { truncatedNormal, varianceScaling } from './initializers.ts';
import { type Conv2dLayerOptions, conv2d, softmax } from './layers.ts';
import type { Network, NetworkContext, NetworkDefinition } from './network.ts';
import { avgPool2d, lastPool2d, maxPool2d, spatialSqueeze } from './pooling.ts';

const convolution: Conv2dLayerOptions = {
  weights: varianceScaling(2),
  regularized: true,
  batchNorm: { decay: 0.9997, epsilon: 0.001, scale: false },
};
const valid = { padding: 'VALID' } as const;
const reduction = { stride: 2, ...valid } as const;

/** Adds a convolution in the current scope. */
type Conv = (
  x: Tensor,
  name: string,
  filters: number,
  kernel: number | readonly [height: number, width: number],
  options?: Conv2dLayerOptions,
) => Tensor;

/** Runs each function in the scope of its branch and joins what they return along the channels. */
function branches(x: Tensor, builds: readonly ((x: Tensor) => Tensor)[]): Tensor {
  return concat(
    builds.map((build, i) => x.graph.withScope(`Branch_${i}`, () => build(x))),
    3,
  );
}

/** The branch that averages the neighbourhood of each pixel. */
const pooledBranch = (conv: Conv, filters: number) => (x: Tensor) => {
  const pooled = avgPool2d(x, 'AvgPool_0a_3x3', 3, { stride: 1, padding: 'SAME' });
  return conv(pooled, 'Conv2d_0b_1x1', filters, 1);
};

const maxBranch = (x: Tensor) => maxPool2d(x, 'MaxPool_1a_3x3', 3);

/** 35×35: 1×1, 5×5, two 3×3 and pooling. TF-Slim's names of the second branch differ in Mixed_5c. */
function mixed5(
  conv: Conv,
  x: Tensor,
  pooled: number,
  [first, second]: readonly [string, string] = ['Conv2d_0a_1x1', 'Conv2d_0b_5x5'],
): Tensor {
  return branches(x, [
    (x) => conv(x, 'Conv2d_0a_1x1', 64, 1),
    (x) => conv(conv(x, first, 48, 1), second, 64, 5),
    (x) => {
      const reduced = conv(x, 'Conv2d_0a_1x1', 64, 1);
      return conv(conv(reduced, 'Conv2d_0b_3x3', 96, 3), 'Conv2d_0c_3x3', 96, 3);
    },
    pooledBranch(conv, pooled),
  ]);
}

/** To 17×17. TF-Slim calls the 3×3 convolutions with a stride 1×1. */
function mixed6a(conv: Conv, x: Tensor): Tensor {
  return branches(x, [
    (x) => conv(x, 'Conv2d_1a_1x1', 384, 3, reduction),
    (x) => {
      const reduced = conv(x, 'Conv2d_0a_1x1', 64, 1);
      return conv(conv(reduced, 'Conv2d_0b_3x3', 96, 3), 'Conv2d_1a_1x1', 96, 3, reduction);
    },
    maxBranch,
  ]);
}

/** 17×17: 1×1, 7×7 and two 7×7 as 1×7 and 7×1, and pooling. */
function mixed6(conv: Conv, x: Tensor, depth: number): Tensor {
  return branches(x, [
    (x) => conv(x, 'Conv2d_0a_1x1', 192, 1),
    (x) => {
      const reduced = conv(x, 'Conv2d_0a_1x1', depth, 1);
      return conv(conv(reduced, 'Conv2d_0b_1x7', depth, [1, 7]), 'Conv2d_0c_7x1', 192, [7, 1]);
    },
    (x) => {
      let net = conv(x, 'Conv2d_0a_1x1', depth, 1);
      net = conv(net, 'Conv2d_0b_7x1', depth, [7, 1]);
      net = conv(net, 'Conv2d_0c_1x7', depth, [1, 7]);
      net = conv(net, 'Conv2d_0d_7x1', depth, [7, 1]);
      return conv(net, 'Conv2d_0e_1x7', 192, [1, 7]);
    },
    pooledBranch(conv, 192),
  ]);
}

/** To 8×8. */
function mixed7a(conv: Conv, x: Tensor): Tensor {
  return branches(x, [
    (x) => conv(conv(x, 'Conv2d_0a_1x1', 192, 1), 'Conv2d_1a_3x3', 320, 3, reduction),
    (x) => {
      let net = conv(x, 'Conv2d_0a_1x1', 192, 1);
      net = conv(net, 'Conv2d_0b_1x7', 192, [1, 7]);
      net = conv(net, 'Conv2d_0c_7x1', 192, [7, 1]);
      return conv(net, 'Conv2d_1a_3x3', 192, 3, reduction);
    },
    maxBranch,
  ]);
}

/** 8×8, whose 3×3 are a 1×3 beside a 3×1. TF-Slim's name of one differs between Mixed_7b and Mixed_7c. */
function mixed7(conv: Conv, x: Tensor, secondName: string): Tensor {
  const split = (x: Tensor, first: string, second: string) =>
    concat([conv(x, first, 384, [1, 3]), conv(x, second, 384, [3, 1])], 3);
  return branches(x, [
    (x) => conv(x, 'Conv2d_0a_1x1', 320, 1),
    (x) => split(conv(x, 'Conv2d_0a_1x1', 384, 1), 'Conv2d_0b_1x3', secondName),
    (x) => {
      const net = conv(conv(x, 'Conv2d_0a_1x1', 448, 1), 'Conv2d_0b_3x3', 384, 3);
      return split(net, 'Conv2d_0c_1x3', 'Conv2d_0d_3x1');
    },
    pooledBranch(conv, 192),
  ]);
}

/** Layers by their end points, in order. */
const layers: readonly (readonly [name: string, build: (conv: Conv, x: Tensor) => Tensor])[] = [
  ['Conv2d_1a_3x3', (conv, x) => conv(x, 'Conv2d_1a_3x3', 32, 3, reduction)],
  ['Conv2d_2a_3x3', (conv, x) => conv(x, 'Conv2d_2a_3x3', 32, 3, valid)],
  ['Conv2d_2b_3x3', (conv, x) => conv(x, 'Conv2d_2b_3x3', 64, 3)],
  ['MaxPool_3a_3x3', (_conv, x) => maxPool2d(x, 'MaxPool_3a_3x3', 3)],
  ['Conv2d_3b_1x1', (conv, x) => conv(x, 'Conv2d_3b_1x1', 80, 1, valid)],
  ['Conv2d_4a_3x3', (conv, x) => conv(x, 'Conv2d_4a_3x3', 192, 3, valid)],
  ['MaxPool_5a_3x3', (_conv, x) => maxPool2d(x, 'MaxPool_5a_3x3', 3)],
];
const blocks: typeof layers = [
  ['Mixed_5b', (conv, x) => mixed5(conv, x, 32)],
  ['Mixed_5c', (conv, x) => mixed5(conv, x, 64, ['Conv2d_0b_1x1', 'Conv_1_0c_5x5'])],
  ['Mixed_5d', (conv, x) => mixed5(conv, x, 64)],
  ['Mixed_6a', mixed6a],
  ['Mixed_6b', (conv, x) => mixed6(conv, x, 128)],
  ['Mixed_6c', (conv, x) => mixed6(conv, x, 160)],
  ['Mixed_6d', (conv, x) => mixed6(conv, x, 160)],
  ['Mixed_6e', (conv, x) => mixed6(conv, x, 192)],
  ['Mixed_7a', mixed7a],
  ['Mixed_7b', (conv, x) => mixed7(conv, x, 'Conv2d_0b_3x1')],
  ['Mixed_7c', (conv, x) => mixed7(conv, x, 'Conv2d_0c_3x1')],
];

/** Logits of a [n, 1, 1, c] tensor as a 1×1 convolution. */
function squeezedLogits(
  context: NetworkContext,
  x: Tensor,
  name: string,
  weights = varianceScaling(2),
): Tensor {
  const options = { weights, regularized: true, activation: 'linear' } as const;
  const convolved = conv2d(context, x, name, context.numClasses, 1, options);
  return spatialSqueeze(convolved);
}

/** The auxiliary classifier of Mixed_6e; its windows are smaller where the image is. */
function auxiliaryLogits(context: NetworkContext, conv: Conv, x: Tensor): Tensor {
  return x.graph.withScope('AuxLogits', () => {
    const pooled = avgPool2d(x, 'AvgPool_1a_5x5', 5, { stride: 3 });
    const reduced = conv(pooled, 'Conv2d_1b_1x1', 128, 1);
    const side = Math.min(5, reduced.shape[1]!);
    const options = { ...valid, weights: truncatedNormal(0.01) };
    const convolved = conv(reduced, `Conv2d_2a_${side}x${side}`, 768, side, options);
    return squeezedLogits(context, convolved, 'Conv2d_2b_1x1', truncatedNormal(0.001));
  });
}

const build: Network = (images, context) => {
  const { graph } = images;
  const endPoints = new Map<string, Tensor>();
  const keep = (name: string, tensor: Tensor) => {
    endPoints.set(name, tensor);
    return tensor;
  };
  const conv: Conv = (x, name, filters, kernel, options) =>
    conv2d(context, x, name, filters, kernel, { ...convolution, ...options });
  return graph.withScope('InceptionV3', () => {
    let net = images;
    for (const [name, buildLayer] of layers) net = keep(name, buildLayer(conv, net));
    for (const [name, buildBlock] of blocks) {
      net = keep(
        name,
        graph.withScope(name, () => buildBlock(conv, net)),
      );
    }
    const auxiliary = auxiliaryLogits(context, conv, endPoints.get('Mixed_6e')!);
    keep('AuxLogits', auxiliary);
    const logits = graph.withScope('Logits', () => {
      const side = Math.min(8, net.shape[1]!);
      const pooled = keep('AvgPool_1a', lastPool2d(net, `AvgPool_1a_${side}x${side}`, side));
      const dropped = keep('PreLogits', dropout(context, pooled, 'Dropout_1b', 0.8));
      return squeezedLogits(context, dropped, 'Conv2d_1c_1x1');
    });
    keep('Logits', logits);
    keep('Predictions', softmax(logits, 'Predictions'));
    return { logits, endPoints, auxiliary: { logits: auxiliary, weight: 0.4 } };
  });
};

/** Inception v3 with its auxiliary classifier: 27,143,152 trainable parameters for 1,000 classes. */
export const inceptionV3: NetworkDefinition = {
  build,
  defaultImageSize: 299,
  headScopes: ['InceptionV3/Logits', 'InceptionV3/AuxLogits'],
  preprocessingName: 'inception',
};
