/**
 * The place of the largest of some numbers; of equal ones that of the first.
 *
 * @param first  where they begin in `values`
 * @param count  how many they are
 * @returns      0..count−1
 */
export function argMax(
  values: ArrayLike<number>,
  first = 0,
  count: number = values.length - first,
): number {
  let best = 0;
  for (let k = 1; k < count; k++) if (values[first + k]! > values[first + best]!) best = k;
  return best;
}
