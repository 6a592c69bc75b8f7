import assert from 'node:assert/strict';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { saveCheckpoint } from '../../src/checkpoint/checkpoints.ts';
import { readLatestVariables, readVariables } from '../../src/checkpoint/variables.ts';
import type { HostTensor } from '../../src/engines/engine.ts';
import { initialValues } from '../../src/model/initialValues.ts';
import { preprocessedImages } from '../../src/preprocessing/itemInput.ts';
import type { ImageShape } from '../../src/preprocessing/preprocessing.ts';
import { temporaryFolder } from '../losslens.ts';
import { tinyTrainingGraph } from '../model/tinyNetwork.ts';

const variablesFor = (shape: ImageShape) =>
  tinyTrainingGraph({ input: preprocessedImages(shape) }).modelVariables;

/** Saves a checkpoint in place of the one before. */
async function save(folder: string, step: number, values: Readonly<Record<string, HostTensor>>) {
  const tensors = Object.entries(values).map(
    ([name, { data, shape }]) => [name, { data: Float32Array.from(data), shape }] as const,
  );
  await saveCheckpoint(folder, step, new Map(tensors), 1);
}

/** What is said when a network that was trained on images of one shape is given others. */
async function saidOf(trained: ImageShape, used: ImageShape, hint?: string): Promise<string> {
  const folder = temporaryFolder();
  await save(folder, 1, initialValues(variablesFor(trained), 0));
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
  await save(folder, 1, values);
  await assert.rejects(readVariables(join(folder, 'model.ckpt-1'), variables), {
    name: 'UserError',
    message: /model\.ckpt-1: Tiny\/conv2\/biases holds -Infinity; expected finite numbers\. /,
  });
});

test('of a folder whose latest checkpoint a run deletes before it is read, the one after it is', async (t) => {
  const variables = variablesFor([8, 8, 1]);
  const { readFile } = fsPromises;
  const restore = () => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  };
  t.after(restore);
  /** Reads while a run saves the next one as soon as a file has been read. */
  const readMeanwhile = async (path: string, file: RegExp) => {
    await save(folder, 1, initialValues(variables, 0));
    t.mock.method(fsPromises, 'readFile', async (...args: Parameters<typeof readFile>) => {
      const content = await readFile(...args);
      if (file.test(String(args[0]))) {
        restore();
        await save(folder, 2, initialValues(variables, 7));
      }
      return content;
    });
    syncBuiltinESMExports();
    return readLatestVariables(path, variables);
  };
  const folder = temporaryFolder();
  for (const file of [/checkpoint$/, /\.index$/]) {
    const { checkpoint, values } = await readMeanwhile(folder, file);
    assert.equal(checkpoint, join(folder, 'model.ckpt-2'));
    assert.deepEqual(values, initialValues(variables, 7));
  }
  // One that is named itself has none after it.
  const named = readMeanwhile(join(folder, 'model.ckpt-1'), /\.index$/);
  await assert.rejects(named, /model\.ckpt-1", which is not there/);
});
