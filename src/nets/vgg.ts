/** vgg_16 as TF-Slim has it (nets/vgg.py; Simonyan & Zisserman 2014), for 224×224 images. */
import type { Tensor } from '../graph/graph.ts';
import { dropout } from './dropout.ts';
import { conv2d, type WeightLayerOptions } from './layers.ts';
import type { Network, NetworkDefinition } from './network.ts';
import { maxPool2d, spatialSqueeze } from './pooling.ts';

const convolution: WeightLayerOptions = { regularized: true };

/** Convolutions of each block, and their channels. */
const blocks: readonly (readonly [count: number, depth: number])[] = [
  [2, 64],
  [2, 128],
  [3, 256],
  [3, 512],
  [3, 512],
];
const units = 4096;
/** Side of fc6, which takes all of a 224×224 image. */
const lastSide = 7;
const keepProbability = 0.5;

const build: Network = (images, context) => {
  const { graph } = images;
  const endPoints = new Map<string, Tensor>();
  const keep = (name: string, tensor: Tensor) => {
    endPoints.set(`vgg_16/${name}`, tensor);
    return tensor;
  };
  return graph.withScope('vgg_16', () => {
    let net = images;
    blocks.forEach(([count, depth], i) => {
      const block = `conv${i + 1}`;
      graph.withScope(block, () => {
        for (let k = 1; k <= count; k++) {
          const name = `${block}_${k}`;
          net = keep(`${block}/${name}`, conv2d(context, net, name, depth, 3, convolution));
        }
      });
      net = keep(`pool${i + 1}`, maxPool2d(net, `pool${i + 1}`, 2));
    });
    // Convolutions in place of fully connected layers, as TF-Slim's checkpoints have them.
    const valid = { ...convolution, padding: 'VALID' } as const;
    net = keep('fc6', conv2d(context, net, 'fc6', units, lastSide, valid));
    net = dropout(context, net, 'dropout6', keepProbability, 0);
    net = keep('fc7', conv2d(context, net, 'fc7', units, 1, convolution));
    net = dropout(context, net, 'dropout7', keepProbability, 1);
    const linear = { ...convolution, activation: 'linear' } as const;
    const convolved = conv2d(context, net, 'fc8', context.numClasses, 1, linear);
    const logits = keep('fc8', spatialSqueeze(convolved, 'fc8/squeezed'));
    return { logits, endPoints };
  });
};

/** VGG-16: 138,357,544 parameters for 1,000 classes. */
export const vgg16: NetworkDefinition = {
  build,
  defaultImageSize: 224,
  preprocessingName: 'vgg',
};
