/** The epoch's selection: a bounded priority queue of the most suspicious items. */
import TinyQueue from 'tinyqueue';

/** What the queue orders by. */
export interface Ranked {
  readonly itemIndex: number;
  /** What is ranked by, such as the loss contribution in nats; higher ranks first. */
  readonly score: number;
}

/** Orders items by rank: the highest score first, ties by item index. */
export function byRank(a: Ranked, b: Ranked): number {
  if (a.score !== b.score) return a.score > b.score ? -1 : 1;
  return a.itemIndex - b.itemIndex;
}

const lastFirst = (a: Ranked, b: Ranked) => byRank(b, a);

/**
 * Keeps the `capacity` items of the highest score out of all that are offered, each in
 * O(log capacity) (the priority queue of Lee 2021, section 3). Ties go to the lower item index, so
 * the result does not depend on the order of the offers.
 */
export class SelectionQueue<T extends Ranked> {
  readonly capacity: number;
  /** Gives the item that ranks last, the next one to fall out. */
  #queue = new TinyQueue<T>([], lastFirst);

  /** @param capacity  Ns, the most items that are kept */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Whether an item of this rank would be kept; asked first, its record need not be made in vain. */
  accepts(candidate: Ranked): boolean {
    return (
      this.capacity > 0 &&
      Number.isFinite(candidate.score) &&
      (this.#queue.length < this.capacity || byRank(candidate, this.#queue.peek()!) < 0)
    );
  }

  /** Offers an item; one whose score is not finite is never kept. */
  offer(item: T): void {
    if (!this.accepts(item)) return;
    this.#queue.push(item);
    if (this.#queue.length > this.capacity) this.#queue.pop();
  }

  /** The kept items, highest score first. */
  ranked(): T[] {
    return [...this.#queue.data].sort(byRank);
  }

  /** Forgets all items: a new epoch begins. */
  clear(): void {
    this.#queue = new TinyQueue<T>([], lastFirst);
  }
}
