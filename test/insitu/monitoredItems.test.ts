import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MonitoredItems } from '../../src/insitu/monitoredItems.ts';

test('finds the rows of a batch that hold monitored items', () => {
  const monitored = new MonitoredItems(10);
  monitored.add([5, 9]);
  assert.deepEqual([...monitored.rowsOf([9, 1, 5, 2])], [0, 2]);
  assert.deepEqual([...monitored.rowsOf([1, 2])], []);
});

test('keeps the oldest items once it is full', () => {
  const monitored = new MonitoredItems(3);
  monitored.add([5, 9]);
  monitored.add([9, 7, 8]);
  assert.deepEqual(monitored.items, [5, 9, 7]);
});
