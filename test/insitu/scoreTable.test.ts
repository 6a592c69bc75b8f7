import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScoreTable, type ScoreTableState, type StepScores } from '../../src/insitu/scoreTable.ts';
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
      assert.equal(table.at(0, `${score}_mean`), 2);
      assert.deepEqual([table.at(0, 'epochs'), table.at(1, 'epochs')], [2, 3]);
    }
  });
}

test('the rows that were added are told from those that were left out', () => {
  const table = new ScoreTable(2);
  assert.deepEqual([...table.add(presentation(1, { grand: Number.NaN }))], [0, 1]);
  assert.deepEqual([...table.add(presentation(1))], [1, 1]);
});

test('the items that were presented are told, in the order asked for, with a number of each', () => {
  const table = new ScoreTable(4);
  table.add({ ...presentation(2, { entropy: 5 }), itemIndices: [3, 1] });
  const seen = table.seen(Uint32Array.of(0, 1, 2, 3));
  assert.deepEqual([...seen], [1, 3]);
  assert.deepEqual([...table.column([3, 1, 0], 'entropy')], [5, 2, 0]);
});

test('a state with an array for each number, as earlier versions wrote it, is gone on with', () => {
  const size = 3;
  const scores = stepScores.length;
  const counted = (first: number, length: number) =>
    Float32Array.from({ length }, (_, i) => first + i);
  const table = new ScoreTable(size, {
    epochs: Int32Array.of(4, 5, 6),
    output: Int32Array.of(1, 0, 2),
    last: counted(0, scores * size),
    mean: counted(1000, scores * size),
    risingMargin: counted(2000, size),
    sureness: Float32Array.of(0.5),
  });
  assert.equal(table.at(1, 'epochs'), 5);
  assert.equal(table.at(2, 'output'), 2);
  stepScores.forEach((score, i) => {
    assert.equal(table.at(1, score), i * size + 1);
    assert.equal(table.at(2, `${score}_mean`), 1000 + i * size + 2);
  });
  assert.equal(table.at(0, 'risingMargin'), 2000);
  assert.equal(table.sureness[0], 0.5);
});

test('a state of other items, or that holds more or less of an item, is refused', () => {
  const { records, sureness } = new ScoreTable(3).state;
  const refused = (state: ScoreTableState, message: RegExp) =>
    assert.throws(() => new ScoreTable(3, state), message);
  refused(new ScoreTable(4).state, /holds scores of 4 items; the data set has 3/);
  refused({ epochs: new Int32Array(4) }, /holds scores of 4 items; the data set has 3/);
  const longer = new Float32Array(records!.length + 1);
  refused({ records: longer, sureness: sureness! }, /holds 88 numbers "records".*keeps 87/);
  const epochs = new Int32Array(3);
  refused({ epochs, mean: new Float32Array(5) }, /holds 5 numbers "mean".*keeps 27/);
  refused({ epochs, risingMargin: new Float32Array(2) }, /holds 2 numbers "risingMargin".*keeps 3/);
  refused({ epochs, sureness: new Float32Array(0) }, /holds 0 numbers "sureness".*keeps 1/);
});
