/** The epoch's selection: a bounded priority queue of the most suspicious items. */

/** What the queue orders by. */
export interface Ranked {
  readonly itemIndex: number;
  /** What is ranked by, such as the loss contribution in nats; higher ranks first. */
  readonly score: number;
}

/** Whether a ranks behind b: a lower score, or the same and a higher index. */
function ranksBehind(a: Ranked, b: Ranked): boolean {
  return a.score < b.score || (a.score === b.score && a.itemIndex > b.itemIndex);
}

/**
 * Keeps the `capacity` items of the highest score out of all that are offered, each in
 * O(log capacity) (the priority queue of Lee 2021, section 3). Ties go to the lower item index, so
 * the result does not depend on the order of the offers.
 */
export class SelectionQueue<T extends Ranked> {
  readonly capacity: number;
  /** A binary heap with the item that ranks last at its root, the next one to fall out. */
  readonly #heap: T[] = [];

  /** @param capacity  Ns, the most items that are kept */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Whether an item of this rank would be kept; asked first, its record need not be made in vain. */
  accepts(candidate: Ranked): boolean {
    return (
      this.capacity > 0 &&
      !Number.isNaN(candidate.score) &&
      (this.#heap.length < this.capacity || ranksBehind(this.#heap[0]!, candidate))
    );
  }

  /** Offers an item; one whose score is NaN is never kept. */
  offer(item: T): void {
    if (!this.accepts(item)) return;
    const heap = this.#heap;
    if (heap.length < this.capacity) {
      heap.push(item);
      this.#siftUp(heap.length - 1);
    } else {
      heap[0] = item;
      this.#siftDown(0);
    }
  }

  /** The kept items, highest score first. */
  ranked(): T[] {
    return [...this.#heap].sort((a, b) => (ranksBehind(a, b) ? 1 : -1));
  }

  /** Forgets all items: a new epoch begins. */
  clear(): void {
    this.#heap.length = 0;
  }

  #siftUp(start: number): void {
    const heap = this.#heap;
    let child = start;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!ranksBehind(heap[child]!, heap[parent]!)) return;
      this.#swap(child, parent);
      child = parent;
    }
  }

  #siftDown(start: number): void {
    const heap = this.#heap;
    let parent = start;
    for (;;) {
      let last = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < heap.length && ranksBehind(heap[child]!, heap[last]!)) last = child;
      }
      if (last === parent) return;
      this.#swap(parent, last);
      parent = last;
    }
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    [heap[a], heap[b]] = [heap[b]!, heap[a]!];
  }
}
