import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDigits } from '../../datasets/builtIn/digits.ts';
import { writeImageFolder } from '../../datasets/convert.ts';
import { divergenceError, foundInStep } from '../../src/training/divergence.ts';
import { planRun } from '../../src/training/planRun.ts';
import { temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { someRun } from './someRun.ts';

const data = temporaryFolder();
writeSmallMnist(data, 40, 20);

const plan = await planRun(someRun({ dataset_name: 'mnist', dataset_dir: data }));
const divergence = { step: 7, found: foundInStep(Number.NaN), learningRate: 0.1 };
const finite = { loss: 2.5, layer: undefined, derivative: undefined };

/** What is said of a divergence. */
async function messageOf(more: Partial<Parameters<typeof divergenceError>[1]>): Promise<string> {
  return (await divergenceError(plan, { ...divergence, ...more })).message;
}

test('float32 is advised where a loss is finite in it alone, and bfloat16 blamed nowhere else', async () => {
  const ofBfloat16 = await messageOf({ lossInFloat32: 2.5 });
  assert.match(ofBfloat16, / 0\.1: compute with --precision=float32\. /);
  assert.match(ofBfloat16, /\. It overflows in bfloat16 alone: in float32 the loss is 2\.5000\. /);
  const ofAny = await messageOf({});
  assert.match(ofAny, /: lower --learning_rate, or begin with --warmup_epochs\. /);
  assert.doesNotMatch(ofAny, /--precision|bfloat16/);
});

test('the first layer that is not finite is named, or what is not where all of them are', async () => {
  assert.match(
    await messageOf({ diagnosis: { loss: Number.NaN, layer: 'pool1', derivative: 'a' } }),
    /\. pool1 is the first layer that is not finite\. /,
  );
  assert.match(
    await messageOf({ diagnosis: { ...finite, loss: Number.POSITIVE_INFINITY } }),
    /\. All layers are finite, but the loss made of them is not\. /,
  );
  const ofDerivative = await messageOf({
    found: foundInStep(2.5),
    diagnosis: { ...finite, derivative: 'Small/fc3/weights' },
  });
  assert.match(ofDerivative, /^step 7: derivatives of the loss, 2\.5000, are not finite; /);
  assert.match(
    ofDerivative,
    /\. All layers are finite, and the loss is: on the way back, the derivative of Small\/fc3\/weights is the first that is not\. /,
  );
  const variable = { name: 'Small/fc3/biases', value: Number.NaN };
  assert.match(
    await messageOf({ found: foundInStep(2.5, variable) }),
    /^step 7: the variable Small\/fc3\/biases holds NaN; expected finite numbers\. The training /,
  );
});

test('five items of a batch are listed at most, by their files where each has its own', async () => {
  const few = await messageOf({ itemIndices: [4, 9] });
  assert.match(few, /\. Items of the batch: 4, 9\. /);
  const many = await messageOf({ itemIndices: [4, 9, 1, 2, 3, 8] });
  assert.match(many, /\. Items of the batch: 4, 9, 1, 2, 3 and 1 more\. /);

  const photos = join(temporaryFolder(), 'photos');
  await writeImageFolder(makeDigits('train', 12), { folder: photos });
  const ofFiles = await planRun(someRun({ dataset_name: 'folder', dataset_dir: photos }));
  const { message } = await divergenceError(ofFiles, { ...divergence, itemIndices: [0, 3] });
  const listed = /\. Items of the batch: (\S+\.png), (\S+\.png)\. /.exec(message);
  assert.ok(
    listed?.slice(1).every((file) => file.startsWith(photos)),
    message,
  );
});
