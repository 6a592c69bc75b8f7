import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SelectionQueue } from '../../src/insitu/selectionQueue.ts';
import { hashed } from '../hashed.ts';

const items = (scores: ArrayLike<number>) =>
  Array.from(scores, (score, itemIndex) => ({ itemIndex, score }));

function select(capacity: number, offered: { itemIndex: number; score: number }[]) {
  const queue = new SelectionQueue(capacity);
  for (const item of offered) queue.offer(item);
  return queue.ranked().map(({ itemIndex }) => itemIndex);
}

test('keeps the items of the highest score, highest first', () => {
  assert.deepEqual(select(3, items([0.5, -1, 3, 2, 0.7])), [2, 3, 4]);
});

test('agrees with a full sort on many items', () => {
  // Rounded, so that there are ties.
  const offered = items(hashed(5000, 7).map((value) => Math.round(value * 200)));
  const sorted = [...offered].sort((a, b) => b.score - a.score || a.itemIndex - b.itemIndex);
  for (const capacity of [1, 2, 64, 1000, 6000]) {
    const expected = sorted.slice(0, capacity).map(({ itemIndex }) => itemIndex);
    assert.deepEqual(select(capacity, offered), expected);
  }
});

test('breaks ties by item index, whatever the order of the offers', () => {
  const offered = items([1, 1, 1, 1]);
  assert.deepEqual(select(2, offered), [0, 1]);
  assert.deepEqual(select(2, offered.reverse()), [0, 1]);
});

test('keeps all items while there are fewer than its capacity', () => {
  assert.deepEqual(select(10, items([1, 2])), [1, 0]);
});

test('never keeps an item whose score is not finite', () => {
  const { NaN: none, POSITIVE_INFINITY: most, NEGATIVE_INFINITY: least } = Number;
  assert.deepEqual(select(4, items([none, -5, most, least, none])), [1]);
});

test('says beforehand what it would keep', () => {
  const queue = new SelectionQueue(1);
  queue.offer({ itemIndex: 4, score: 2 });
  assert.equal(queue.accepts({ itemIndex: 3, score: 2 }), true);
  assert.equal(queue.accepts({ itemIndex: 5, score: 2 }), false);
  assert.equal(queue.accepts({ itemIndex: 0, score: 1.9 }), false);
});

test('is empty after clear', () => {
  const queue = new SelectionQueue(2);
  queue.offer({ itemIndex: 0, score: 1 });
  queue.clear();
  assert.deepEqual(queue.ranked(), []);
});
