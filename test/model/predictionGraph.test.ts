import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildServingGraph } from '../../src/model/predictionGraph.ts';
import { getNetwork } from '../nets/getNetwork.ts';

for (const preprocessingName of ['vgg', 'inception', 'efficientnet']) {
  test(`networks that take one size only are served photographs of any by ${preprocessingName}`, () => {
    for (const modelName of ['lenet', 'cifarnet', 'mobilenet_v2']) {
      const { signatures } = buildServingGraph({
        network: getNetwork(modelName),
        numClasses: 3,
        input: { kind: 'images', shape: [33, 33, 1], sourceChannels: 3, preprocessingName },
      });
      const { inputs, outputs } = signatures['predict']!;
      assert.deepEqual(inputs['images']!.shape, [-1, -1, -1, 3]);
      assert.deepEqual(outputs['probabilities']!.shape, [-1, 3]);
    }
  });
}
