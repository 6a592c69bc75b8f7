import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { saveCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import { readVariables } from '../../src/checkpoint/variables.ts';
import { initialValues } from '../../src/model/initialValues.ts';
import { preprocessedImages } from '../../src/preprocessing/itemInput.ts';
import type { ImageShape } from '../../src/preprocessing/preprocessing.ts';
import { temporaryFolder } from '../losslens.ts';
import { tinyTrainingGraph } from '../model/tinyNetwork.ts';

const variablesFor = (shape: ImageShape) =>
  tinyTrainingGraph({ input: preprocessedImages(shape) }).modelVariables;

/** What is said when a network that was trained on images of one shape is given others. */
async function saidOf(trained: ImageShape, used: ImageShape, hint?: string): Promise<string> {
  const folder = temporaryFolder();
  const values = initialValues(variablesFor(trained), 0);
  const tensors = Object.entries(values).map(
    ([name, { data, shape }]) => [name, { data: Float32Array.from(data), shape }] as const,
  );
  await saveCheckpoint(folder, 1, new Map(tensors), 1);
  try {
    await readVariables(join(folder, 'model.ckpt-1'), variablesFor(used), hint);
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

test('grey and colour are told apart by the weights, and how to bring them together', async () => {
  assert.match(
    await saidOf([8, 8, 3], [8, 8, 1]),
    /Tiny\/conv1\/weights of \[3,3,3,4\]; this network has \[3,3,1,4\]: it was trained on images of 3 channels .* images of 1\. Give images in colour, /,
  );
  assert.match(
    await saidOf([8, 8, 1], [8, 8, 3]),
    /trained on images of 1 channels .* images of 3\. Give --use_grayscale\.$/,
  );
  assert.match(await saidOf([8, 8, 1], [8, 8, 3], 'Do so.'), /images of 3\. Do so\.$/);
});

test('another size of images is thought of where a flattened layer differs', async () => {
  assert.match(
    await saidOf([8, 8, 1], [12, 12, 1]),
    /Tiny\/logits\/weights .*: perhaps it was trained on images of another size\. Give the size .*--eval_image_size/,
  );
  assert.equal(await saidOf([8, 8, 1], [8, 8, 1]), '');
});

test('a checkpoint that holds what is no number is refused', async () => {
  const folder = temporaryFolder();
  const variables = variablesFor([8, 8, 1]);
  const values = initialValues(variables, 0);
  values['Tiny/conv2/biases']!.data[2] = Number.NEGATIVE_INFINITY;
  const tensors = Object.entries(values).map(
    ([name, { data, shape }]) => [name, { data: Float32Array.from(data), shape }] as const,
  );
  await saveCheckpoint(folder, 1, new Map(tensors), 1);
  await assert.rejects(readVariables(join(folder, 'model.ckpt-1'), variables), {
    name: 'UserError',
    message: /model\.ckpt-1: Tiny\/conv2\/biases holds -Infinity; expected finite numbers\. /,
  });
});
