/** What is expected of a list, against mixtures that are known and test/python/wrong_labels_reference.py. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { expectWrongLabels, wrongLabelsText } from '../../src/insitu/wrongLabels.ts';
import { packageRoot } from '../../src/packageRoot.ts';

const quantiles = (count: number) => Array.from({ length: count }, (_, i) => (i + 0.5) / count);

/** Scores of right labels, Gumbel distributed, and of wrong ones, logistic. */
function mixture(right: number, location: number, scale: number, wrong: number, mean: number) {
  const rightScores = quantiles(right).map((u) => location - scale * Math.log(-Math.log(u)));
  const wrongScores = quantiles(wrong).map((u) => mean + Math.log(u / (1 - u)));
  return { wrongScores, scores: [...rightScores, ...wrongScores] };
}

/** Mixture, length of the list, what is expected of it. */
type Case = readonly [number, number, number, number, number, number, number | null];
const golden = JSON.parse(
  readFileSync(join(packageRoot, 'test/insitu/wrongLabels.golden.json'), 'utf8'),
) as readonly Case[];

test('agrees with NumPy, also on what cannot be told', () => {
  assert.ok(golden.some(([, , , , , , expected]) => expected === null));
  for (const [right, location, scale, wrong, mean, length, expected] of golden) {
    const { scores } = mixture(right, location, scale, wrong, mean);
    const actual = expectWrongLabels(scores, length) ?? null;
    const isSame = expected === null ? actual === null : Math.abs(actual! - expected) < 1e-6;
    assert.ok(isSame, `${[right, location, scale, wrong, mean, length]}: ${actual}, ${expected}`);
  }
});

test('what is told of known mixtures is within 10 of 100', () => {
  let told = 0;
  for (const wrong of [100, 200, 400, 800]) {
    for (const mean of [2, 4, 6, 8, 10]) {
      const { wrongScores, scores } = mixture(6000 - wrong, -5, 2, wrong, mean);
      for (const length of [100, 200]) {
        const expected = expectWrongLabels(scores, length);
        if (expected === undefined) continue;
        told++;
        const last = [...scores].sort((a, b) => b - a)[length - 1]!;
        const truth = wrongScores.filter((score) => score >= last).length;
        const of100 = (100 * Math.abs(expected - truth)) / length;
        assert.ok(of100 <= 10, `${wrong} wrong at ${mean}: ${expected}, ${truth} of ${length}`);
      }
    }
  }
  assert.ok(told >= 10, `${told}`);
});

test('nothing is told where no label is wrong, none is contradicted, or nothing is known', () => {
  const { scores } = mixture(6000, -5, 2, 0, 0);
  assert.equal(expectWrongLabels(scores, 100), undefined);
  for (const same of [0, -1, 1, Number.NaN]) {
    assert.equal(expectWrongLabels(new Float64Array(1000).fill(same), 100), undefined);
  }
  assert.equal(expectWrongLabels([], 100), undefined);
  assert.match(wrongLabelsText(scores), /^how many labels are wrong cannot be told/);
});

test('items that were not seen make no difference, nor does the order', () => {
  const { scores } = mixture(5400, -5, 2, 600, 9);
  const others = [Number.NaN, ...scores.reverse(), Number.NaN];
  assert.equal(expectWrongLabels(others, 100), expectWrongLabels(scores, 100));
});

test('the sentence is of the list, or of its first 100 items where it is too long', () => {
  const { scores } = mixture(5400, -5, 2, 600, 9);
  const expected = Math.round(expectWrongLabels(scores, 200)!);
  const sentence = `of the 200 items with the highest pair_disagreement, expect about ${expected} to be wrong`;
  assert.ok(wrongLabelsText(scores, 200).startsWith(sentence), wrongLabelsText(scores, 200));
  assert.match(wrongLabelsText(scores, 5000), /^of the 100 items/);
  assert.match(wrongLabelsText(scores, 100, 'disagreement'), /with the highest disagreement/);
});

test('a run that ranked by another score is told that its list is another one', () => {
  const { scores } = mixture(5400, -5, 2, 600, 9);
  assert.match(wrongLabelsText(scores, 100), /\(told by the scores alone\)$/);
  assert.match(
    wrongLabelsText(scores, 100, 'loss'),
    /; --rank_by=loss lists others, losslens review shows these$/,
  );
});
