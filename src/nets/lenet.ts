/** LeNet as TF-Slim has it (nets/lenet.py), for 28×28 images. */

import { dropout } from './dropout.ts';
import { truncatedNormal } from './initializers.ts';
import { conv2d, flatten, fullyConnected, softmax } from './layers.ts';
import type { Network, NetworkDefinition } from './network.ts';
import { maxPool2d } from './pooling.ts';

const options = { weights: truncatedNormal(0.1), regularized: true };

const build: Network = (images, context) => {
  const { graph } = images;
  return graph.withScope('LeNet', () => {
    const conv1 = conv2d(context, images, 'conv1', 32, 5, options);
    const pool1 = maxPool2d(conv1, 'pool1', 2);
    const conv2 = conv2d(context, pool1, 'conv2', 64, 5, options);
    const pool2 = maxPool2d(conv2, 'pool2', 2);
    const flat = flatten(pool2);
    const fc3 = fullyConnected(context, flat, 'fc3', 1024, options);
    const dropout3 = dropout(context, fc3, 'dropout3', 0.5);
    const logits = fullyConnected(context, dropout3, 'fc4', context.numClasses, {
      ...options,
      activation: 'linear',
    });
    const endPoints = new Map([
      ['conv1', conv1],
      ['pool1', pool1],
      ['conv2', conv2],
      ['pool2', pool2],
      ['Flatten', flat],
      ['fc3', fc3],
      ['dropout3', dropout3],
      ['Logits', logits],
      ['Predictions', softmax(logits, 'Predictions')],
    ]);
    return { logits, endPoints };
  });
};

/** LeNet: two convolutions, two fully connected layers; 3,274,634 parameters for ten classes. */
export const lenet: NetworkDefinition = {
  build,
  defaultImageSize: 28,
  defaultChannels: 1,
  preprocessingName: 'lenet',
};
