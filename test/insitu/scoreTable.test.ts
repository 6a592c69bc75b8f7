import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScoreTable, type StepScores } from '../../src/insitu/scoreTable.ts';
import { stepScores } from '../../src/insitu/stepScores.ts';

/** One presentation of items 0 and 1, whose scores are all of one value but for some. */
function presentation(value: number, changed: Partial<Record<string, number>> = {}): StepScores {
  const scores = stepScores.flatMap((score) => [changed[score] ?? value, value]);
  return { itemIndices: [0, 1], scores, output: [1, 0], labels: [0, 0] };
}

for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
  test(`a presentation with a score of ${bad} leaves an item as it was, and those beside it their own`, () => {
    for (const score of stepScores) {
      const table = new ScoreTable(2);
      const expected = new ScoreTable(2);
      table.add(presentation(1));
      table.add(presentation(2, { [score]: bad }));
      table.add(presentation(3));
      expected.add(presentation(1));
      expected.add({ itemIndices: [1], scores: stepScores.map(() => 2), output: [0], labels: [0] });
      expected.add(presentation(3));
      assert.deepEqual(table.state, expected.state, score);
      assert.equal(table.mean(score)[0], 2);
      assert.deepEqual([...table.epochs], [2, 3]);
    }
  });
}

test('the rows that were added are told from those that were left out', () => {
  const table = new ScoreTable(2);
  assert.deepEqual([...table.add(presentation(1, { grand: Number.NaN }))], [0, 1]);
  assert.deepEqual([...table.add(presentation(1))], [1, 1]);
});
