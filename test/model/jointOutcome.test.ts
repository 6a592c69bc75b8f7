import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinParts, jointStep, type StepPart } from '../../src/model/jointOutcome.ts';

/** A part of two scores and two classes; scores are packed score by score. */
function part(items: readonly number[], loss: number, rows: readonly number[]): StepPart {
  const numbers = (scale: number) => items.map((item) => scale * item);
  return {
    itemIndices: Uint32Array.from(items),
    labels: Int32Array.from(items, (item) => item % 2),
    rows: Int32Array.from(rows),
    outcome: {
      isFinite: true,
      loss,
      crossEntropy: loss / 2,
      output: Int32Array.from(items, (item) => item % 3),
      outputProbability: Float32Array.from(numbers(0.5)),
      selection: {
        scores: Float32Array.from([...numbers(1), ...numbers(10)]),
        probabilities: Float32Array.from(items.flatMap((item) => [item, -item])),
      },
      monitored: rows.map((row) => ({
        input: { data: Float32Array.of(items[row]!), shape: [1] },
        layers: [],
      })),
      statistics: [],
    },
  };
}

/** The same with a loss or derivatives that are none. */
function notFinite(of: StepPart): StepPart {
  return { ...of, outcome: { ...of.outcome, isFinite: false } };
}

test('the parts of a step are what one process would have made of all its items', () => {
  const whole = joinParts([part([1, 2], 3, [1]), part([5, 6, 7, 8], 6, [0, 3])]);
  assert.deepEqual([...whole.itemIndices], [1, 2, 5, 6, 7, 8]);
  const expected = part([1, 2, 5, 6, 7, 8], 5, [1, 2, 5]);
  assert.deepEqual(whole, expected);
});

test('without a selection and monitored layers there is neither in the whole', () => {
  const bare = ({ outcome, ...rest }: StepPart): StepPart => ({
    ...{ ...rest, rows: undefined },
    outcome: { ...outcome, selection: null, monitored: [] },
  });
  const whole = joinParts([bare(part([1], 2, [])), bare(part([2], 4, []))]);
  assert.equal(whole.rows, undefined);
  assert.equal(whole.outcome.selection, null);
  assert.equal(whole.outcome.loss, 3);
});

test('of workers that update for themselves, only what is not finite is left out', () => {
  const parts = [part([1, 2], 3, [1]), notFinite(part([5], 6, [0])), part([7], 6, [])];
  const apart = jointStep(parts, false);
  assert.deepEqual(apart.applied, joinParts([parts[0]!, parts[2]!]));
  assert.deepEqual(apart.leftOut, parts[1]);
  const together = jointStep(parts, true);
  assert.equal(together.applied, null);
  assert.deepEqual([...together.leftOut!.itemIndices], [1, 2, 5, 7]);
  assert.deepEqual(jointStep([parts[0]!, parts[2]!], true).leftOut, null);
});

test('of a step that is left out, the parts are named whose loss is no number', () => {
  const { applied, leftOut } = jointStep(
    [part([1, 2], 3, []), notFinite(part([5], NaN, []))],
    true,
  );
  assert.equal(applied, null);
  assert.deepEqual([...leftOut!.itemIndices], [5]);
});
