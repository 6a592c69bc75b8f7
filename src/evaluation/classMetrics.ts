/** How good a network is at each class. */
import type { Confusion } from './confusion.ts';

/** Numbers about one class. */
export interface ClassMetrics {
  /** Items with this label. */
  readonly items: number;
  /** Share of right ones among the items that were taken for this class, 0..1; null when none was. */
  readonly precision: number | null;
  /** Share of this class's items that were recognised, 0..1; null when there are none. */
  readonly recall: number | null;
  /** Harmonic mean of both, 0 for a class that no item was taken for; null when it has no items. */
  readonly f1: number | null;
  /** The class that its items were taken for most often; null when none was mistaken. */
  readonly mistakenFor: { readonly label: number; readonly items: number } | null;
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** @returns  numbers by label */
export function classMetrics(confusion: Confusion): ClassMetrics[] {
  const { classes } = confusion;
  const right = new Float64Array(classes);
  const items = new Float64Array(classes);
  const outputs = new Float64Array(classes);
  const mistakes = new Array<ClassMetrics['mistakenFor']>(classes).fill(null);
  for (const { label, output, items: count } of confusion.counts()) {
    items[label]! += count;
    outputs[output]! += count;
    if (label === output) right[label] = count;
    else if (count > (mistakes[label]?.items ?? 0))
      mistakes[label] = { label: output, items: count };
  }
  return mistakes.map((mistakenFor, label) => {
    const precision = ratio(right[label]!, outputs[label]!);
    const recall = ratio(right[label]!, items[label]!);
    const f1 = recall === null ? null : (2 * right[label]!) / (items[label]! + outputs[label]!);
    return { items: items[label]!, precision, recall, f1, mistakenFor };
  });
}
