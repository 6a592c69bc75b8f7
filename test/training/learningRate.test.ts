import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type LearningRateOptions,
  learningRateAt,
  type ScheduledRun,
} from '../../src/training/learningRate.ts';
import { planRun } from '../../src/training/planRun.ts';
import { someRun } from './someRun.ts';

const options: LearningRateOptions = {
  learning_rate: 0.1,
  learning_rate_decay_type: 'exponential',
  learning_rate_decay_factor: 0.1,
  num_epochs_per_decay: 200,
  end_learning_rate: 0.0001,
  warmup_epochs: 0,
};
const run: ScheduledRun = { stepsPerEpoch: 50_000 / 128, lastStep: 100_000 };
const shortRun: ScheduledRun = { stepsPerEpoch: 100, lastStep: 100_000 };

test('the exponential schedule falls in stairs, as in the cifarnet sample: after 78,125 steps', () => {
  assert.equal(learningRateAt(0, options, run), 0.1);
  assert.equal(learningRateAt(78_124, options, run), 0.1);
  assert.ok(Math.abs(learningRateAt(78_125, options, run) - 0.01) < 1e-12);
});

test('the fixed schedule stays', () => {
  assert.equal(learningRateAt(1e6, { ...options, learning_rate_decay_type: 'fixed' }, run), 0.1);
});

test('the polynomial schedule falls linearly to its end and stays there', () => {
  const polynomial = {
    ...options,
    learning_rate_decay_type: 'polynomial',
    num_epochs_per_decay: 2,
  } as const;
  assert.ok(Math.abs(learningRateAt(100, polynomial, shortRun) - (0.0999 / 2 + 0.0001)) < 1e-12);
  assert.equal(learningRateAt(200, polynomial, shortRun), 0.0001);
  assert.equal(learningRateAt(5000, polynomial, shortRun), 0.0001);
});

test('warm-up rises linearly from 0 and then follows the schedule', () => {
  const warm = { ...options, warmup_epochs: 2 };
  assert.equal(learningRateAt(0, warm, shortRun), 0);
  assert.ok(Math.abs(learningRateAt(50, warm, shortRun) - 0.025) < 1e-12);
  assert.equal(learningRateAt(200, warm, shortRun), 0.1);
});

test('the cosine schedule falls to its end over the run: half of the way in half of the steps', () => {
  const cosine = { ...options, learning_rate_decay_type: 'cosine' } as const;
  const ending = { ...run, lastStep: 400 };
  assert.equal(learningRateAt(0, cosine, ending), 0.1);
  assert.ok(Math.abs(learningRateAt(200, cosine, ending) - (0.1 + 0.0001) / 2) < 1e-12);
  // cos(π/4) = √½
  const quarter = (0.0999 * (1 + Math.SQRT1_2)) / 2 + 0.0001;
  assert.ok(Math.abs(learningRateAt(100, cosine, ending) - quarter) < 1e-12);
  assert.ok(Math.abs(learningRateAt(400, cosine, ending) - 0.0001) < 1e-12);
});

test('the cosine schedule of a run without an end is refused', async () => {
  const endless = { learning_rate_decay_type: 'cosine', max_number_of_epochs: undefined } as const;
  await assert.rejects(
    planRun(someRun({ ...endless, hm: [] })),
    /--learning_rate_decay_type: cosine falls over the whole run; expected --max_number_of_epochs/,
  );
});
