import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clustersOfClasses } from '../../../datasets/labels/clusters.ts';
import { heldOutProbabilities } from '../../../datasets/labels/heldOutProbabilities.ts';
import { clusterErrors, confusedErrors } from '../../../datasets/labels/likeErrors.ts';
import { gaussian, random } from '../../../src/random.ts';

/** Points of two classes around (−1, …) and (1, …), with the spread `sigma`, in `length` dimensions. */
function twoClouds(size: number, sigma: number, length = 2) {
  const next = random(9);
  const labels = Int32Array.from({ length: size }, (_, item) => item % 2);
  const values = Float32Array.from(
    { length: size * length },
    (_, at) => 2 * (Math.floor(at / length) % 2) - 1 + sigma * gaussian(next),
  );
  return { vectors: { length, values }, labels };
}

test('what an item is taken for is known from the others: a wrong label of its own does not show', () => {
  const { vectors, labels } = twoClouds(800, 0.3);
  const given = labels.slice();
  const wrong = [10, 101, 333];
  for (const item of wrong) given[item] = 1 - given[item]!;
  const p = heldOutProbabilities(vectors, given, 2, random(1));
  for (const item of wrong) assert.ok(p[2 * item + labels[item]!]! > 0.9);
  for (let item = 0; item < labels.length; item++) {
    assert.ok(Math.abs(p[2 * item]! + p[2 * item + 1]! - 1) < 1e-6);
  }
});

test('it is about as sure as it may be: Bayes gives 84.1 % of two clouds that are 2 σ apart', () => {
  // In one dimension, at distance 1 of the border for σ = 1: Φ(1) = 0.841.
  const { vectors, labels } = twoClouds(4000, 1, 1);
  const p = heldOutProbabilities(vectors, labels, 2, random(1));
  const right = labels.filter((label, item) => p[2 * item + label]! > 0.5).length;
  // Standard deviation of the share 0.006.
  assert.ok(Math.abs(right / 4000 - 0.841) < 0.025, `${right / 4000}`);
});

test('confused items get each class as often as they are taken for it', () => {
  // 4,000 items alike, of class 0: taken for 1 three times as often as for 2, and never for 3.
  const count = 4000;
  const probabilities = Float32Array.from(
    { length: 4 * count },
    (_, i) => [0.6, 0.3, 0.1, 0][i % 4]!,
  );
  const errors = confusedErrors(probabilities, new Int32Array(count), 4, count, random(3));
  const times = (label: number) => [...errors.values()].filter((each) => each === label).length;
  // Standard deviation 27.
  assert.ok(Math.abs(times(1) - 3000) < 120, `${times(1)}`);
  assert.equal(times(1) + times(2), count);
});

test('items are confused in proportion to the doubt about them', () => {
  // Every other item is doubted nine times as much.
  const size = 40_000;
  const probabilities = Float32Array.from({ length: 2 * size }, (_, i) =>
    i % 4 < 2 ? [0.1, 0.9][i % 2]! : [0.9, 0.1][i % 2]!,
  );
  const errors = confusedErrors(probabilities, new Int32Array(size), 2, 1000, random(3));
  const doubted = [...errors.keys()].filter((item) => item % 2 === 0).length;
  // Of the first ones drawn 900; standard deviation 9.5, and a little less for those that are gone.
  assert.ok(Math.abs(doubted - 900) < 40, `${doubted}`);
});

test('half of the items of a cluster get one class, the one that the cluster is taken for', () => {
  const clusters = Array.from({ length: 10 }, (_, c) =>
    Array.from({ length: 20 }, (_, i) => 20 * c + i),
  );
  const labels = Int32Array.from({ length: 200 }, (_, item) => Math.floor(item / 20) % 3);
  // Each cluster is taken for the class after its own.
  const probabilities = Float32Array.from({ length: 600 }, (_, i) =>
    i % 3 === (labels[Math.floor(i / 3)]! + 1) % 3
      ? 0.3
      : i % 3 === labels[Math.floor(i / 3)]!
        ? 0.6
        : 0.1,
  );
  const errors = clusterErrors(clusters, probabilities, labels, 3, 40, random(1));
  const counts = clusters.map((cluster) => cluster.filter((item) => errors.has(item)).length);
  assert.deepEqual(
    counts.filter((n) => n > 0),
    [10, 10, 10, 10],
  );
  for (const [item, label] of errors) assert.equal(label, (labels[item]! + 1) % 3);
});

test('clusters hold items of one class that lie together, and each item once', () => {
  // Each class has two clouds, 20 apart.
  const next = random(2);
  const labels = Int32Array.from({ length: 160 }, (_, item) => item % 2);
  const values = Float32Array.from(labels, (_, item) => 20 * ((item >> 1) % 2) + gaussian(next));
  const clusters = clustersOfClasses({ length: 1, values }, labels, 3, random(1));
  assert.deepEqual(
    clusters.flat().sort((a, b) => a - b),
    [...labels.keys()],
  );
  for (const cluster of clusters) {
    assert.equal(new Set(cluster.map((item) => labels[item])).size, 1);
    assert.equal(new Set(cluster.map((item) => (item >> 1) % 2)).size, 1);
  }
});
