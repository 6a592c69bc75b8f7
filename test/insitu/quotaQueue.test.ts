import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuotaQueue } from '../../src/insitu/quotaQueue.ts';
import { hashed } from '../hashed.ts';

/** What a full sort would select. */
function expected(
  offered: readonly { itemIndex: number; label: number; score: number }[],
  capacity: number,
  quota: number,
): number[] {
  const counts = new Map<number, number>();
  return [...offered]
    .sort((a, b) => b.score - a.score || a.itemIndex - b.itemIndex)
    .filter(({ label }) => {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      return counts.get(label)! <= quota;
    })
    .slice(0, capacity)
    .map(({ itemIndex }) => itemIndex);
}

test('no label has more than its quota, and the best of each label are kept', () => {
  const noise = hashed(3000, 5);
  // Label 0 has the highest scores by far: without a quota it would fill the queue.
  const offered = Array.from(noise, (value, itemIndex) => {
    const label = itemIndex % 7;
    return { itemIndex, label, score: Math.round(100 * value) + (label === 0 ? 300 : 0) };
  });
  for (const [capacity, quota] of [
    [64, 10],
    [64, 1],
    [64, Number.POSITIVE_INFINITY],
    [20, 64],
  ] as const) {
    const queue = new QuotaQueue(capacity, quota);
    for (const item of offered) queue.offer(item);
    const selected = queue.ranked().map(({ itemIndex }) => itemIndex);
    assert.deepEqual(selected, expected(offered, capacity, quota));
  }
});

test('a queue that goes on from what was ranked selects the same', () => {
  const offered = Array.from(hashed(500, 6), (score, itemIndex) => ({
    itemIndex,
    label: itemIndex % 3,
    score,
  }));
  const half = new QuotaQueue<(typeof offered)[0]>(10, 4);
  for (const item of offered.slice(0, 250)) half.offer(item);
  const resumed = new QuotaQueue<(typeof offered)[0]>(10, 4);
  for (const item of half.ranked()) resumed.offer(item);
  for (const item of offered.slice(250)) resumed.offer(item);
  assert.deepEqual(
    resumed.ranked().map(({ itemIndex }) => itemIndex),
    expected(offered, 10, 4),
  );
});
