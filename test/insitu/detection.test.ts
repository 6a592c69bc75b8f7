import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  averagePrecision,
  foundAmong,
  rankItems,
  wilsonInterval,
} from '../../src/insitu/detection.ts';

test('ranks by score, ties by index, items without a score last', () => {
  const scores = [1, Number.NaN, 3, 1, Number.NEGATIVE_INFINITY, 2];
  assert.deepEqual([...rankItems(scores)], [2, 5, 0, 3, 1, 4]);
});

test('average precision is the mean precision at each item that was to be found', () => {
  // Found at ranks 1, 3 and 5 of 6: (1/1 + 2/3 + 3/5) / 3.
  const ranking = [4, 0, 2, 1, 3, 5];
  const value = averagePrecision(ranking, new Set([4, 2, 3]));
  assert.ok(Math.abs(value - (1 + 2 / 3 + 3 / 5) / 3) < 1e-12);
  assert.ok(Number.isNaN(averagePrecision(ranking, new Set())));
});

test('counts what is found among the first items, also of a shorter ranking', () => {
  assert.equal(foundAmong([4, 0, 2], new Set([0, 2]), 2), 1);
  assert.equal(foundAmong([4, 0, 2], new Set([0, 2]), 10), 2);
});

test('the interval of a share agrees with published values', () => {
  // Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662, 0 of 20 gives 0 to 0.1611.
  for (const [found, count, low, high] of [
    [81, 263, 0.2553, 0.3662],
    [0, 20, 0, 0.1611],
    [15, 148, 0.0624, 0.1605],
    // An empty sample says nothing.
    [0, 0, 0, 1],
  ] as const) {
    const interval = wilsonInterval(found, count);
    assert.ok(Math.abs(interval[0] - low) < 5e-5, `${interval}`);
    assert.ok(Math.abs(interval[1] - high) < 5e-5, `${interval}`);
  }
});
