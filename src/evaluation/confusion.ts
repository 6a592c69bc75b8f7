/** The confusion matrix: which classes are taken for which. */

/** Items with a label that the network gave an output. */
export interface ConfusionCount {
  readonly label: number;
  readonly output: number;
  readonly items: number;
}

/** Counts by label and output. Only pairs that were seen take room: there may be thousands of classes. */
export class Confusion {
  readonly classes: number;
  /** By label · classes + output. */
  readonly #counts = new Map<number, number>();

  constructor(classes: number) {
    this.classes = classes;
  }

  /** Counts an item. */
  add(label: number, output: number): void {
    const pair = label * this.classes + output;
    this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + 1);
  }

  /** The pairs that were seen, by label, then by output. */
  counts(): ConfusionCount[] {
    return [...this.#counts]
      .sort(([a], [b]) => a - b)
      .map(([pair, items]) => ({
        label: Math.floor(pair / this.classes),
        output: pair % this.classes,
        items,
      }));
  }

  /** All of it: by label (row) and output (column), [classes, classes]. */
  dense(): number[][] {
    const { classes } = this;
    const rows = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
    for (const { label, output, items } of this.counts()) rows[label]![output] = items;
    return rows;
  }
}
