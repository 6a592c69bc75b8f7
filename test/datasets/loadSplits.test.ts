import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeImageFolder } from '../../datasets/convert.ts';
import { expectImages } from '../../datasets/dataset.ts';
import { loadDataset } from '../../datasets/factory.ts';
import { loadSplits } from '../../datasets/loadSplits.ts';
import { temporaryFolder } from './temporaryFolder.ts';

async function shapesOf(name: string, folder: string | undefined, side: number | undefined) {
  const shapes: Record<string, readonly (number | null)[]> = {};
  for await (const dataset of loadSplits({ name, folder }, side, [])) {
    shapes[dataset.split] = dataset.kind === 'images' ? dataset.imageShape : [];
  }
  return shapes;
}

test('loads all splits, or those that are named', async () => {
  const shape = [28, 28, 1];
  assert.deepEqual(await shapesOf('digits', undefined, undefined), { train: shape, test: shape });
  for await (const { split } of loadSplits({ name: 'digits', folder: undefined }, 28, ['test'])) {
    assert.equal(split, 'test');
  }
});

test('compressed images are resized; a size for others is refused', async (t) => {
  const folder = await temporaryFolder(t);
  const digits = expectImages(
    await loadDataset({ name: 'digits', folder: undefined, split: 'train' }),
  );
  await writeImageFolder({ ...digits, items: digits.items.slice(0, 10) }, { folder });
  assert.deepEqual(await shapesOf('folder', folder, 14), { train: [14, 14, 1] });
  await assert.rejects(
    shapesOf('digits', undefined, 14),
    /--image_size: has no effect on digits, which holds images of 28×28 pixels; only compressed/,
  );
  await assert.rejects(shapesOf('phrases', undefined, 14), /on phrases, which holds texts; only/);
});
