/** Whom to watch: the items that were selected at the end of some earlier epoch. */

/** A bounded set of items; once full, the oldest stay, so that their histories go on. */
export class MonitoredItems {
  readonly capacity: number;
  readonly #items = new Set<number>();

  /** @param capacity  the most items that are monitored at once (--max_monitored_items) */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Item indices, oldest first. */
  get items(): number[] {
    return [...this.#items];
  }

  /** Adds items in rank order while there is room. */
  add(itemIndices: Iterable<number>): void {
    for (const itemIndex of itemIndices) {
      if (this.#items.size < this.capacity) this.#items.add(itemIndex);
    }
  }

  /** Whether an item is monitored. */
  has(itemIndex: number): boolean {
    return this.#items.has(itemIndex);
  }

  /**
   * The rows of a batch that hold monitored items.
   *
   * @param itemIndices  item index of each row
   * @returns            rows in ascending order, possibly none
   */
  rowsOf(itemIndices: ArrayLike<number>): Int32Array {
    const rows: number[] = [];
    for (let row = 0; row < itemIndices.length; row++) {
      if (this.#items.has(itemIndices[row]!)) rows.push(row);
    }
    return Int32Array.from(rows);
  }
}
