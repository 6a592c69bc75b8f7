import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildServingGraph } from '../../src/model/predictionGraph.ts';
import { getNetwork } from '../../src/nets/factory.ts';
import { networkNames } from '../../src/nets/networkNames.ts';
import { imagesFor } from '../preprocessing/imagesFor.ts';

for (const name of networkNames) {
  const network = getNetwork(name);
  if (network.takes === 'texts') continue;
  test(`${name} can be exported with its preprocessing`, () => {
    const { defaultImageSize: side, defaultChannels: channels = 3, preprocessingName } = network;
    const input = imagesFor(preprocessingName, [side, side, channels]);
    const { signatures } = buildServingGraph({ network, numClasses: 10, input });
    assert.deepEqual(signatures['predict']!.outputs['probabilities']!.shape, [-1, 10]);
  });
}
