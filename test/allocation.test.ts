import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocate } from '../src/allocation.ts';
import { initialValues } from '../src/model/initialValues.ts';
import { imageInput, itemBuffer } from '../src/preprocessing/itemInput.ts';
import { tinyTrainingGraph } from './model/tinyNetwork.ts';

test('a batch that no memory holds is named with its size and what makes it smaller', () => {
  for (const Type of [ArrayBuffer, SharedArrayBuffer]) {
    assert.equal(itemBuffer<ArrayBufferLike>(2, imageInput([3, 3, 1]), Type).byteLength, 72);
    assert.throws(() => itemBuffer<ArrayBufferLike>(64, imageInput([1e6, 1e6, 3]), Type), {
      name: 'UserError',
      message:
        '--batch_size: 64 images of 1000000×1000000×3: 715,255.7 GiB cannot be allocated. Give a smaller --batch_size, --train_image_size or --eval_image_size.',
    });
  }
});

test('so is a variable', () => {
  const { variables } = tinyTrainingGraph({ input: imageInput([2e6, 2e6, 1]) });
  assert.throws(() => initialValues(variables, 0), {
    name: 'UserError',
    message: /^Tiny\/logits\/weights of \[\d+,10\]: [\d,.]+ GiB cannot be allocated\. Give/,
  });
});

test('other errors are left as they are', () => {
  const make = () => {
    throw new TypeError('other');
  };
  assert.throws(() => allocate(make, '', 0, ''), TypeError);
});
