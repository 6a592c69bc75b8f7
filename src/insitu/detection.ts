/** How well a score finds the items that carry a planted wrong label. */

/**
 * Items in the order of a ranking: highest score first, ties by item index, items without a score
 * last.
 *
 * @param scores  by item index, higher is more suspicious; NaN for none
 */
export function rankItems(scores: ArrayLike<number>): Uint32Array {
  const values = Float64Array.from(scores, (score) =>
    Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score,
  );
  const order = Uint32Array.from({ length: values.length }, (_, item) => item);
  return order.sort((a, b) => (values[a] === values[b] ? a - b : values[b]! - values[a]!));
}

/**
 * Average precision: the mean, over all positive items, of the precision among the items that rank
 * no lower.
 *
 * @param ranking    items, the most suspicious first
 * @param positives  items that are to be found
 * @returns          0..1; NaN when there are no positives
 */
export function averagePrecision(
  ranking: ArrayLike<number>,
  positives: ReadonlySet<number>,
): number {
  let found = 0;
  let sum = 0;
  for (let rank = 0; rank < ranking.length; rank++) {
    if (!positives.has(ranking[rank]!)) continue;
    found++;
    sum += found / (rank + 1);
  }
  return sum / positives.size;
}

/** How many of the first `count` items of a ranking are positives. */
export function foundAmong(
  ranking: ArrayLike<number>,
  positives: ReadonlySet<number>,
  count: number,
): number {
  let found = 0;
  for (let rank = 0; rank < Math.min(count, ranking.length); rank++) {
    if (positives.has(ranking[rank]!)) found++;
  }
  return found;
}

/** 97.5 % of the standard normal distribution lie below. */
const normalQuantile = 1.959964;

/**
 * The 95 % interval of a share of which a sample of `count` showed `found` (Wilson 1927, the score
 * interval: it holds near 0 and 1, too).
 *
 * @returns  two shares, 0..1; of an empty sample 0 and 1
 */
export function wilsonInterval(found: number, count: number): [low: number, high: number] {
  if (count === 0) return [0, 1];
  const share = found / count;
  const z2 = normalQuantile ** 2 / count;
  const centre = share + z2 / 2;
  const half = normalQuantile * Math.sqrt((share * (1 - share)) / count + z2 / (4 * count));
  return [Math.max(0, (centre - half) / (1 + z2)), Math.min(1, (centre + half) / (1 + z2))];
}
