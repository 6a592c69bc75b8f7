import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inMemory } from '../../../datasets/inMemory.ts';
import { withLabelsOffset } from '../../../datasets/labels/labelsOffset.ts';

const dataset = inMemory({
  name: 'four',
  split: 'test',
  classNames: ['background', 'cat', 'dog', 'owl'],
  imageShape: [1, 1, 1],
  labels: Uint8Array.of(3, 1, 2, 1),
  pixels: new Uint8Array(4),
});

test('the offset is subtracted from labels, and so many first classes go', () => {
  const { labels, classNames } = withLabelsOffset(dataset, 1);
  assert.deepEqual([...labels], [2, 0, 1, 0]);
  assert.deepEqual(classNames, ['cat', 'dog', 'owl']);
  assert.equal(withLabelsOffset(dataset, 0), dataset);
});

test('an offset that leaves an item without a class is refused', () => {
  assert.throws(
    () => withLabelsOffset(dataset, 2),
    /--labels_offset: got "2", but item 1 of test has label 1; expected 1 at most\./,
  );
});
