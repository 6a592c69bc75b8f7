/**
 * LeNet with a hundredth of its variables, as a module for --model_name: for tests of what goes on
 * around a network.
 */
import { dropout } from '../src/nets/dropout.ts';
import { conv2d, flatten, fullyConnected, softmax } from '../src/nets/layers.ts';
import type { Network } from '../src/nets/network.ts';
import { maxPool2d } from '../src/nets/pooling.ts';

export const defaultImageSize = 28;
export const preprocessingName = 'lenet';

export const build: Network = (images, context) =>
  images.graph.withScope('Small', () => {
    const conv1 = conv2d(context, images, 'conv1', 8, 5);
    const pool1 = maxPool2d(conv1, 'pool1', 2);
    const conv2 = conv2d(context, pool1, 'conv2', 12, 5);
    const pool2 = maxPool2d(conv2, 'pool2', 2);
    const fc3 = fullyConnected(context, flatten(pool2), 'fc3', 32);
    const dropout3 = dropout(context, fc3, 'dropout3', 0.5);
    const logits = fullyConnected(context, dropout3, 'logits', context.numClasses, {
      activation: 'linear',
    });
    const Predictions = softmax(logits, 'Predictions');
    const endPoints = { conv1, pool1, conv2, pool2, fc3, dropout3, Logits: logits, Predictions };
    return { logits, endPoints: new Map(Object.entries(endPoints)) };
  });
