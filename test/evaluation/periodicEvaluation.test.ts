import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadDataset } from '../../datasets/factory.ts';
import {
  loadEvaluationSplit,
  type PeriodicEvaluationOptions,
} from '../../src/evaluation/periodicEvaluation.ts';
import { temporaryFolder } from '../losslens.ts';

const folder = temporaryFolder();
const write = (split: string, lines: readonly string[]) =>
  writeFileSync(join(folder, `${split}.tsv`), lines.map((line) => `${line}\n`).join(''));
write('train', ['bee\tbuzz', 'ape\toook', 'cat\tmeow']);
write('test', ['cat\tpurr', 'ape\too-oo']);

const options: PeriodicEvaluationOptions = {
  train_dir: folder,
  dataset_name: 'tsv',
  dataset_dir: folder,
  eval_split_name: 'test',
  labels_offset: 0,
  validation_split: 0,
  validation_seed: 0,
  on_bad_item: 'fail',
  max_data_memory_mb: 1,
  max_image_megapixels: 100,
  num_readers: 1,
  moving_average_decay: undefined,
};

test('a split is evaluated by the names of the classes that are trained on', async () => {
  // In another order than the data have them, and one more.
  const trained = await loadDataset({ name: 'tsv', folder, split: 'train' });
  const reversed = { ...trained, classNames: ['dog', 'cat', 'bee', 'ape'] };
  const { dataset } = await loadEvaluationSplit(options, undefined, reversed);
  assert.deepEqual(dataset.classNames, reversed.classNames);
  assert.deepEqual([...dataset.labels], [1, 3]);
  await assert.rejects(
    loadEvaluationSplit(options, undefined, { ...trained, classNames: ['ape', 'bee'] }),
    /--eval_split_name: tsv test has items of classes that the network does not know: cat; /,
  );
});
