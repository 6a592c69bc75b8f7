/** A network small enough for many steps in a test and quick to differentiate, with batch normalisation. */

import {
  buildTrainingGraph,
  type TrainingGraph,
  type TrainingGraphOptions,
} from '../../src/model/trainingGraph.ts';
import { conv2d, flatten, fullyConnected, softmax } from '../../src/nets/layers.ts';
import type { NetworkDefinition } from '../../src/nets/network.ts';
import { maxPool2d } from '../../src/nets/pooling.ts';
import { preprocessedImages } from '../../src/preprocessing/itemInput.ts';
import { plainSgd } from './trainingSession.ts';

/** [height, width, channels] that it is built for here. */
export const tinyImageShape = [8, 8, 1] as const;

const batchNorm = { decay: 0.9, epsilon: 1e-3 };

/** Two convolutions, the first with batch normalisation, and a fully connected layer. */
export const tinyNetwork: NetworkDefinition = {
  build: (images, context) =>
    images.graph.withScope('Tiny', () => {
      const conv1 = conv2d(context, images, 'conv1', 4, 3, { batchNorm, regularized: true });
      const pool1 = maxPool2d(conv1, 'pool1', 2);
      const conv2 = conv2d(context, pool1, 'conv2', 6, 3, { regularized: true });
      const logits = fullyConnected(context, flatten(conv2), 'logits', context.numClasses, {
        activation: 'linear',
      });
      const endPoints = new Map([
        ['conv1', conv1],
        ['pool1', pool1],
        ['conv2', conv2],
        ['Logits', logits],
        ['Predictions', softmax(logits, 'Predictions')],
      ]);
      return { logits, endPoints };
    }),
  defaultImageSize: 8,
  preprocessingName: 'lenet',
};

/** Its training graph for ten classes with some options of one's own. */
export function tinyTrainingGraph(options: Partial<TrainingGraphOptions> = {}): TrainingGraph {
  return buildTrainingGraph({
    network: tinyNetwork,
    numClasses: 10,
    input: preprocessedImages(tinyImageShape),
    weightDecay: 0.01,
    labelSmoothing: 0,
    computeType: 'float32',
    optimizer: plainSgd,
    selectionLayer: undefined,
    monitoredLayers: [],
    ...options,
  });
}
