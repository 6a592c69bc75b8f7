/** How well a score finds the items that carry a planted wrong label. */

/**
 * Average precision: the mean, over all positive items, of the precision among the items that rank
 * no lower. Ties rank by item index; items without a score rank last.
 *
 * @param scores     by item index, higher is more suspicious; NaN for none
 * @param positives  items that are to be found
 * @returns          0..1; NaN when there are no positives
 */
export function averagePrecision(scores: Float32Array, positives: ReadonlySet<number>): number {
  const value = (item: number) =>
    Number.isNaN(scores[item]) ? Number.NEGATIVE_INFINITY : scores[item]!;
  const order = Array.from(scores, (_, item) => item);
  order.sort((a, b) => value(b) - value(a) || a - b);
  let found = 0;
  let sum = 0;
  order.forEach((item, rank) => {
    if (!positives.has(item)) return;
    found++;
    sum += found / (rank + 1);
  });
  return sum / positives.size;
}
