/** cifarnet as TF-Slim has it (nets/cifarnet.py; Krizhevsky 2009), for 32×32 images. */

import { dropout } from './dropout.ts';
import { constantValue, truncatedNormal } from './initializers.ts';
import { conv2d, flatten, fullyConnected, softmax } from './layers.ts';
import type { Network, NetworkDefinition } from './network.ts';
import { localResponseNormalization } from './normalization.ts';
import { maxPool2d } from './pooling.ts';

const lrn = { depthRadius: 4, bias: 1, alpha: 0.001 / 9, beta: 0.75 };
const convolution = { weights: truncatedNormal(0.05) };
const dense = {
  weights: truncatedNormal(0.04),
  biases: constantValue(0.1),
  regularized: true,
};

const build: Network = (images, context) => {
  const { graph } = images;
  return graph.withScope('CifarNet', () => {
    const conv1 = conv2d(context, images, 'conv1', 64, 5, convolution);
    const pool1 = maxPool2d(conv1, 'pool1', 2);
    const norm1 = localResponseNormalization(pool1, 'norm1', lrn);
    const conv2 = conv2d(context, norm1, 'conv2', 64, 5, convolution);
    const norm2 = localResponseNormalization(conv2, 'norm2', lrn);
    const pool2 = maxPool2d(norm2, 'pool2', 2);
    const flat = flatten(pool2);
    const fc3 = fullyConnected(context, flat, 'fc3', 384, dense);
    const dropout3 = dropout(context, fc3, 'dropout3', 0.5);
    const fc4 = fullyConnected(context, dropout3, 'fc4', 192, dense);
    const logits = fullyConnected(context, fc4, 'logits', context.numClasses, {
      weights: truncatedNormal(1 / 192),
      activation: 'linear',
    });
    const endPoints = new Map([
      ['conv1', conv1],
      ['pool1', pool1],
      ['conv2', conv2],
      ['pool2', pool2],
      ['Flatten', flat],
      ['fc3', fc3],
      ['fc4', fc4],
      ['Logits', logits],
      ['Predictions', softmax(logits, 'Predictions')],
    ]);
    return { logits, endPoints };
  });
};

/** cifarnet: 1,756,426 parameters for ten classes. */
export const cifarnet: NetworkDefinition = {
  build,
  defaultImageSize: 32,
  preprocessingName: 'cifarnet',
};
