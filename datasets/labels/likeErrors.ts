/** Wrong labels of items that are like those of another class, by what a network takes them for. */
import { permutation } from '../../src/random.ts';

/** Share of a cluster's items that get the wrong class, where the asked share of all items is not higher. */
const shareOfCluster = 0.5;

/**
 * Items drawn without replacement, each as likely as the network gives it another class than its own (the Gumbel-max
 * trick: the `count` largest of log probability + Gumbel noise), and for each one of these classes as likely as the
 * network gives it that: the mistakes that the network would make.
 *
 * @param probabilities  [items, classes]
 * @param labels         [items]
 * @param next           gives uniform numbers in [0, 1)
 * @returns              wrong labels by item, `count` of them
 */
export function confusedErrors(
  probabilities: Float32Array,
  labels: Int32Array,
  classes: number,
  count: number,
  next: () => number,
): Map<number, number> {
  // Every class keeps a little of a chance, so that a network without any doubt still has mistakes to give.
  const weight = (item: number, k: number) =>
    k === labels[item] ? 0 : probabilities[item * classes + k]! + 1e-9;
  const ofOthers = Float64Array.from(labels, (_, item) => {
    let sum = 0;
    for (let k = 0; k < classes; k++) sum += weight(item, k);
    return sum;
  });
  // 1 − next() is in (0, 1], so that neither logarithm is taken of 0 but with probability 2⁻³².
  const keys = ofOthers.map((sum) => Math.log(sum) - Math.log(-Math.log(1 - next()) + 1e-300));
  const order = Uint32Array.from(labels.keys()).sort((a, b) => keys[b]! - keys[a]! || a - b);
  const drawClass = (item: number): number => {
    let rest = next() * ofOthers[item]!;
    let drawn = -1;
    for (let k = 0; k < classes; k++) {
      if (k === labels[item]) continue;
      drawn = k;
      rest -= weight(item, k);
      if (rest < 0) break;
    }
    return drawn;
  };
  return new Map(Array.from(order.subarray(0, count).sort(), (item) => [item, drawClass(item)]));
}

/**
 * Errors as people make them, who take a kind of items for another class (the cluster-based noise of Lim et al. 2024,
 * arXiv 2412.00244): clusters drawn by chance, of each half of its items, and all of them the other class that the
 * network gives the cluster most of all. There, all items of a cluster within a radius get it, which leaves nothing to
 * find them by where a network learns just that.
 *
 * @param clusters       items of one class each, none in two
 * @param probabilities  [items, classes]
 * @param labels         [items]
 * @param next           gives uniform numbers in [0, 1)
 * @returns              wrong labels by item, `count` of them
 */
export function clusterErrors(
  clusters: readonly (readonly number[])[],
  probabilities: Float32Array,
  labels: Int32Array,
  classes: number,
  count: number,
  next: () => number,
): Map<number, number> {
  const share = Math.max(shareOfCluster, count / labels.length);
  const errors = new Map<number, number>();
  const left: [item: number, label: number][] = [];
  for (const index of permutation(clusters.length, next)) {
    const cluster = clusters[index]!;
    const plantedLabel = likestOther(cluster, probabilities, labels[cluster[0]!]!, classes);
    permutation(cluster.length, next).forEach((drawn, n) => {
      const item = cluster[drawn]!;
      if (n < share * cluster.length && errors.size < count) errors.set(item, plantedLabel);
      else left.push([item, plantedLabel]);
    });
  }
  // Clusters of odd sizes may leave some to be drawn.
  for (const [item, plantedLabel] of left) {
    if (errors.size >= count) break;
    errors.set(item, plantedLabel);
  }
  return errors;
}

/** The class other than their own that some items are given most of all. */
function likestOther(
  items: readonly number[],
  probabilities: Float32Array,
  own: number,
  classes: number,
): number {
  const sums = new Float64Array(classes);
  for (const item of items) {
    for (let k = 0; k < classes; k++) sums[k]! += probabilities[item * classes + k]!;
  }
  sums[own] = -1;
  return sums.indexOf(Math.max(...sums));
}
