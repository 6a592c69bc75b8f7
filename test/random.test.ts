import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random, streams } from '../src/random.ts';

test('no two uses of a seed draw the same random numbers', () => {
  const firsts = Object.values(streams).map((stream) => random(1, stream)());
  assert.equal(new Set(firsts).size, firsts.length);
});

test('a seed draws what it has always drawn', () => {
  assert.equal(random(1, streams.validation, 0)(), 0.899363717995584);
  assert.deepEqual(streams, {
    initialValues: 1,
    order: 2,
    augmentation: 3,
    labelNoise: 4,
    validation: 5,
    embedding: 7,
    direction: 9,
  });
});
