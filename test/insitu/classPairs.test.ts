import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClassPairs } from '../../src/insitu/classPairs.ts';
import { random } from '../../src/random.ts';

test('the label that others of the suggested class have is more suspicious than a rare one', () => {
  // All but the last look like class 0; eight of them are labelled 1, one is labelled 2.
  const labels = [...new Array(8).fill(1), 2, 0, 0, 0, 3];
  const pairs = new ClassPairs(labels, 4);
  for (const [item, label] of labels.entries()) {
    pairs.set(item, label === 3 ? 3 : 0, label === 0 ? -5 : 5);
  }
  assert.ok(pairs.evidence(0) > 0.5);
  assert.ok(pairs.evidence(8) < -0.5);
  // Of the eight others that are contradicted 12 of 13 would look like class 0, a third of these with each label.
  const expected = (8 * 12) / 13 / 3;
  assert.ok(Math.abs(pairs.evidence(0) - Math.log(8 / (expected + 1))) < 1e-12);
  assert.ok(Math.abs(pairs.evidence(8) - Math.log(1 / (expected + 1))) < 1e-12);
  // Their label is the class that is suggested.
  for (const item of [9, 12]) assert.equal(pairs.evidence(item), 0);
});

test('nothing is said of an item that was not seen, nor by an item of itself', () => {
  const pairs = new ClassPairs([0, 1, 1], 3);
  assert.equal(pairs.evidence(0), 0);
  pairs.set(0, 1, 4);
  assert.equal(pairs.evidence(2), 0);
  assert.equal(pairs.evidence(0), 0);
});

test('what items were before leaves no trace, in whichever order they changed', () => {
  const next = random(7);
  const size = 500;
  const labels = Int32Array.from({ length: size }, () => Math.floor(5 * next()));
  const draw = () => Array.from(labels, () => [Math.floor(5 * next()), 60 * next() - 20] as const);
  const changed = new ClassPairs(labels, 5);
  for (const values of [draw(), draw()]) {
    for (const [item, drawn] of values.entries()) changed.set(item, ...drawn);
  }
  const last = draw();
  for (let item = size - 1; item >= 0; item--) changed.set(item, ...last[item]!);
  const fresh = new ClassPairs(labels, 5);
  for (const [item, drawn] of last.entries()) fresh.set(item, ...drawn);
  for (let item = 0; item < size; item++) {
    assert.equal(changed.evidence(item), fresh.evidence(item));
  }
});
