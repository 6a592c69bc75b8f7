import assert from 'node:assert/strict';
import { test } from 'node:test';
import { divergenceError, firstNonFinite } from '../../src/training/divergence.ts';
import { planRun, type RunPlan } from '../../src/training/planRun.ts';
import { temporaryFolder, writeSmallMnist } from '../losslens.ts';
import { someRun } from './someRun.ts';

const data = temporaryFolder();
writeSmallMnist(data, 40, 20);

const plan = await planRun(someRun({ dataset_name: 'mnist', dataset_dir: data }));
const computedIn = (computeType: RunPlan['precision']['computeType']): RunPlan => ({
  ...plan,
  precision: { ...plan.precision, computeType },
});
const divergence = { step: 7, found: 'the loss is NaN; expected a number', learningRate: 0.1 };

const vector = (...values: number[]) => ({
  data: Float32Array.from(values),
  shape: [values.length],
});

test('the first variable that is not finite is that of the order that is asked for', () => {
  const { NaN: none, POSITIVE_INFINITY: most, MAX_VALUE: large } = Number;
  const values = {
    late: vector(0, none),
    early: vector(1, -most, none),
    fine: vector(-0, 3e38, 1e-45),
    count: { data: Int32Array.of(-5), shape: [] },
  };
  const named = (...names: string[]) => names.map((name) => ({ name }));
  const order = named('fine', 'count', 'early', 'late');
  assert.deepEqual(firstNonFinite(order, values), { name: 'early', value: -most });
  assert.deepEqual(firstNonFinite(named('late', 'early'), values), { name: 'late', value: none });
  assert.equal(firstNonFinite(named('fine', 'count'), values), undefined);
  // No float32: it becomes infinite.
  assert.equal(firstNonFinite(named('w'), { w: vector(large) })?.value, most);
});

test('in bfloat16 it is advised to compute in float32, and in float32 not', async () => {
  const { message } = await divergenceError(computedIn('bfloat16'), divergence);
  assert.match(message, /begin with --warmup_epochs, or compute with --precision=float32 /);
  const other = await divergenceError(computedIn('float32'), divergence);
  assert.doesNotMatch(other.message, /--precision/);
});

test('five items of a batch are listed at most', async () => {
  const few = await divergenceError(plan, { ...divergence, itemIndices: [4, 9] });
  assert.match(few.message, /\. Items of the batch: 4, 9\. /);
  const many = await divergenceError(plan, { ...divergence, itemIndices: [4, 9, 1, 2, 3, 8] });
  assert.match(many.message, /\. Items of the batch: 4, 9, 1, 2, 3 and 1 more\. /);
});
