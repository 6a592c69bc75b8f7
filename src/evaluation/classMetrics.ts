/** How good a network is at each class. */

/** Numbers about one class. */
export interface ClassMetrics {
  /** Items with this label. */
  readonly items: number;
  /** Share of right ones among the items that were taken for this class, 0..1; null when none was. */
  readonly precision: number | null;
  /** Share of this class's items that were recognised, 0..1; null when there are none. */
  readonly recall: number | null;
  /** Harmonic mean of both; null when either is. */
  readonly f1: number | null;
  /** The class that its items were taken for most often; null when none was mistaken. */
  readonly mistakenFor: { readonly label: number; readonly items: number } | null;
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/**
 * @param confusion  counts by label (row) and output (column), [classes, classes]
 * @returns          numbers by label
 */
export function classMetrics(confusion: readonly (readonly number[])[]): ClassMetrics[] {
  return confusion.map((row, label) => {
    const right = row[label]!;
    const items = row.reduce((sum, count) => sum + count, 0);
    const outputs = confusion.reduce((sum, other) => sum + other[label]!, 0);
    const precision = ratio(right, outputs);
    const recall = ratio(right, items);
    const f1 =
      precision === null || recall === null ? null : (2 * right) / Math.max(1, items + outputs);
    let mistakenFor: ClassMetrics['mistakenFor'] = null;
    row.forEach((count, output) => {
      if (output !== label && count > (mistakenFor?.items ?? 0)) {
        mistakenFor = { label: output, items: count };
      }
    });
    return { items, precision, recall, f1, mistakenFor };
  });
}
