/** Groups of items of one class that are alike. */
import { permutation } from '../../src/random.ts';
import type { ItemVectors } from './itemVectors.ts';

/** Rounds of k-means: the first ones do nearly all. */
const rounds = 4;
/** Clusters of a class at most, and items that one has at least on average. */
const maxClusters = 50;
const minItems = 20;

/** Squared Euclidean distance of a vector and a centre. */
function distance(a: Float32Array, fromA: number, b: Float32Array, fromB: number, length: number) {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += (a[fromA + i]! - b[fromB + i]!) ** 2;
  return sum;
}

/**
 * Clusters the items of each class by k-means (Lloyd 1982), which begins with items drawn by chance: about one cluster
 * for 20 items, 50 for a class at most, as many as the human errors of CIFAR-10 come in (Lim et al. 2024: 23 to 1,750 of
 * 5,000 items).
 *
 * @param labels  of the vectors, 0..classes−1
 * @param next    gives uniform numbers in [0, 1)
 * @returns       positions of items, each in one cluster; no cluster is empty
 */
export function clustersOfClasses(
  { length, values }: ItemVectors,
  labels: ArrayLike<number>,
  classes: number,
  next: () => number,
): readonly (readonly number[])[] {
  const members: number[][] = Array.from({ length: classes }, () => []);
  for (let position = 0; position < labels.length; position++) {
    members[labels[position]!]!.push(position);
  }
  return members.flatMap((items) => {
    if (items.length === 0) return [];
    const count = Math.max(1, Math.min(maxClusters, Math.round(items.length / minItems)));
    const centres = new Float32Array(count * length);
    permutation(items.length, next)
      .subarray(0, count)
      .forEach((drawn, k) => {
        const first = items[drawn]! * length;
        centres.set(values.subarray(first, first + length), k * length);
      });
    let clusters: number[][] = [];
    for (let round = 0; round < rounds; round++) {
      clusters = Array.from({ length: count }, () => []);
      for (const item of items) {
        let nearest = 0;
        let least = Infinity;
        for (let k = 0; k < count; k++) {
          const d = distance(values, item * length, centres, k * length, length);
          if (d < least) [nearest, least] = [k, d];
        }
        clusters[nearest]!.push(item);
      }
      clusters.forEach((cluster, k) => {
        if (cluster.length === 0) return;
        const centre = centres.subarray(k * length, (k + 1) * length).fill(0);
        for (const item of cluster) {
          for (let i = 0; i < length; i++)
            centre[i]! += values[item * length + i]! / cluster.length;
        }
      });
    }
    return clusters.filter((cluster) => cluster.length > 0);
  });
}
