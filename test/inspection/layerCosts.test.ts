import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addCosts, noCost } from '../../src/graph/cost.ts';
import { costText } from '../../src/inspection/costText.ts';
import { countStep } from '../../src/inspection/layerCosts.ts';
import { networkNames } from '../../src/nets/networkNames.ts';
import { type GraphInput, preprocessedImages } from '../../src/preprocessing/itemInput.ts';
import { getNetwork } from '../nets/getNetwork.ts';

const texts: GraphInput = { kind: 'texts', shape: [16], vocabulary: { size: 100 } };

function inputOf(modelName: string): GraphInput {
  const network = getNetwork(modelName);
  if (network.takes === 'texts') return texts;
  // Large enough for each, and no larger than it has to be.
  const side = modelName === 'vgg_16' ? 224 : modelName === 'inception_v3' ? 139 : 64;
  return preprocessedImages([side, side, 3]);
}

test('a layer is charged with what it depends on and no layer before it does', () => {
  const { layers } = countStep(getNetwork('lenet'), 10, preprocessedImages([28, 28, 1]), 2);
  const of = (name: string) => layers.find((layer) => layer.name === name)!;
  const pixels = 2 * 28 * 28 * 32;
  // Convolution of 5×5×1, bias and ReLU; backward the image needs no derivative.
  assert.equal(of('conv1').forward.flops, pixels * (2 * 25 + 1 + 1));
  assert.equal(of('conv1').backward.flops, pixels * (2 * 25 + 1 + 1));
  const ofConv2 = 2 * 14 * 14 * 64;
  assert.equal(of('conv2').forward.flops, ofConv2 * (2 * 25 * 32 + 1 + 1));
  assert.equal(of('conv2').backward.flops, ofConv2 * (2 * 2 * 25 * 32 + 1 + 1));
});

test('in situ, each element is multiplied, clipped and added twice', () => {
  const { layers } = countStep(getNetwork('lenet'), 10, preprocessedImages([28, 28, 1]), 2);
  const { inSitu } = layers.find(({ name }) => name === 'pool1')!;
  const elements = 2 * 14 * 14 * 32;
  const pixels = 2 * 14 * 14;
  // On maps: the factor n on both, what is left of C, no less than 0, and the sum over an item.
  assert.equal(inSitu.flops, 4 * elements + 5 * pixels);
  const read = 2 + 1 + 1 + 1;
  const written = 1 + 1;
  assert.ok(inSitu.bytes > 4 * (read + written) * elements);
  assert.ok(inSitu.bytes < 1.1 * 4 * (read + written) * elements);
});

for (const modelName of networkNames) {
  test(`the parts of ${modelName}'s step add up, and in situ is a small part of its operations`, () => {
    const { layers, loss, update, total, inSituShare } = countStep(
      getNetwork(modelName),
      10,
      inputOf(modelName),
      32,
    );
    const parts = [...layers, loss].flatMap((costs) => [
      costs.forward,
      costs.backward,
      costs.inSitu,
    ]);
    assert.deepEqual([...parts, update].reduce(addCosts, noCost), total);
    // Depthwise convolutions take few operations for each value that they give.
    const most = /mobilenet|efficientnet/.test(modelName) ? 0.02 : 0.01;
    assert.ok(inSituShare > 0 && inSituShare < most, String(inSituShare));
  });
}

test('the table has a row for each layer, the sums and the share', () => {
  const costs = countStep(getNetwork('cifarnet'), 10, preprocessedImages([32, 32, 3]), 32);
  const text = costText(costs, 32);
  for (const { name } of costs.layers) assert.match(text, new RegExp(`^${name}( |$)`, 'm'));
  assert.match(text, /^in all +2,246 /m);
  assert.match(text, / are 0\.22 % of the operations\.$/);
});
