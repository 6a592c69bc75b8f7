import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocate } from '../src/allocation.ts';
import { initialValues } from '../src/model/initialValues.ts';
import { ItemMemory } from '../src/preprocessing/itemFeeds.ts';
import { preprocessedImages } from '../src/preprocessing/itemInput.ts';
import type { ImageShape } from '../src/preprocessing/preprocessing.ts';
import { tinyTrainingGraph } from './model/tinyNetwork.ts';
import { imagesFor } from './preprocessing/imagesFor.ts';

test('a batch that no memory holds is named with its size and what makes it smaller', () => {
  for (const Memory of [ArrayBuffer, SharedArrayBuffer]) {
    const allocated = (count: number, shape: ImageShape) =>
      new ItemMemory<ArrayBufferLike>(imagesFor('lenet', shape), true, count, Memory).allocate();
    assert.equal(allocated(2, [3, 3, 1]).byteLength, 24);
    assert.throws(() => allocated(256, [1e6, 1e6, 3]), {
      name: 'UserError',
      message:
        '--batch_size: 256 images of 1000000×1000000×3: 715,255.7 GiB cannot be allocated. Give a smaller --batch_size, --train_image_size or --eval_image_size.',
    });
  }
});

test('so is a variable', () => {
  const { variables } = tinyTrainingGraph({ input: preprocessedImages([2e6, 2e6, 1]) });
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
