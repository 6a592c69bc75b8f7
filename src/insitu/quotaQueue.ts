/** A selection spread over the classes: so many items of one label at most. */
import { byRank, type Ranked, SelectionQueue } from './selectionQueue.ts';

/** An item with the label that it is trained on. */
export interface LabelledItem extends Ranked {
  readonly label: number;
}

/**
 * Keeps the `capacity` items of the highest score among which no label has more than `quota`. One
 * queue for each label: an item that its label's queue drops can never be selected again, whatever
 * is offered later.
 */
export class QuotaQueue<T extends LabelledItem> {
  readonly #capacity: number;
  readonly #quota: number;
  readonly #queues = new Map<number, SelectionQueue<T>>();

  /**
   * @param capacity  Ns, the most items that are kept
   * @param quota     the most of one label; Infinity for no such bound
   */
  constructor(capacity: number, quota: number) {
    this.#capacity = capacity;
    this.#quota = quota;
  }

  #queueOf(label: number): SelectionQueue<T> {
    // Without a bound one queue serves all labels.
    const key = this.#quota >= this.#capacity ? 0 : label;
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = new SelectionQueue<T>(Math.min(this.#quota, this.#capacity));
      this.#queues.set(key, queue);
    }
    return queue;
  }

  /** Whether an item of this rank may be kept; asked first, its record need not be made in vain. */
  accepts(candidate: LabelledItem): boolean {
    return this.#queueOf(candidate.label).accepts(candidate);
  }

  /** Offers an item; one whose score is not finite is never kept. */
  offer(item: T): void {
    this.#queueOf(item.label).offer(item);
  }

  /** The kept items, highest score first. */
  ranked(): T[] {
    return [...this.#queues.values()]
      .flatMap((queue) => queue.ranked())
      .sort(byRank)
      .slice(0, this.#capacity);
  }

  /** Forgets all items: a new epoch begins. */
  clear(): void {
    this.#queues.clear();
  }
}
