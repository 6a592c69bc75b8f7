import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cleanup } from '../src/cleanup.ts';

test('what was opened is closed, the last first, and what the action returns comes back', async () => {
  const closed: string[] = [];
  const result = await Cleanup.after(async (cleanup) => {
    cleanup.add(() => void closed.push('first'));
    cleanup.add(async () => void closed.push('second'));
    return 7;
  });
  assert.deepEqual([result, closed], [7, ['second', 'first']]);
});

test('why an action failed is told, not what could not be closed because of that', async () => {
  const closed: string[] = [];
  const failing = Cleanup.after(async (cleanup) => {
    cleanup.add(() => void closed.push('first'));
    cleanup.add(() => {
      throw new Error('the lock cannot be deleted');
    });
    throw new Error('the disk is gone');
  });
  await assert.rejects(failing, /the disk is gone/);
  assert.deepEqual(closed, ['first']);
  const closing = Cleanup.after(async (cleanup) => {
    cleanup.add(() => {
      throw new Error('cannot be closed');
    });
  });
  await assert.rejects(closing, /cannot be closed/);
});
