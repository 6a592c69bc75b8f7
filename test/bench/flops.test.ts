import assert from 'node:assert/strict';
import { test } from 'node:test';
import { productFlops } from '../../bench/flops.ts';
import { trainingGraph } from '../model/trainingSession.ts';

test('the products of a step of LeNet are counted forward and backward', () => {
  const { signatures } = trainingGraph('lenet', [28, 28, 1], [], 'sgd', { selectionLayer: '' });
  const outputs = Object.values(signatures['train']!.outputs);
  const conv1 = 28 * 28 * 32 * (5 * 5 * 1);
  const conv2 = 14 * 14 * 64 * (5 * 5 * 32);
  const dense = 3136 * 1024 + 1024 * 10;
  // Each three times, but nobody asks for the derivative of the images.
  assert.equal(productFlops(outputs, 50), 2 * 50 * (2 * conv1 + 3 * conv2 + 3 * dense));
});
