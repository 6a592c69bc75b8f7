/**
 * Which wrong labels are common in a data set, told by what the network contradicts.
 *
 * Of two items that a network contradicts alike, the more suspicious one is that whose label often stands
 * on items of the class that it looks like: who mislabels cats calls them dogs, not trucks. By Bayes' rule
 * log(P(wrong) / P(right)) grows by the logarithm of that share, the transition probability of noise that
 * depends on the class (Patrini et al. 2017). It is counted here, item by item.
 */

/** Disagreement above which an item counts no more, in nats: outliers would be a pair of classes by themselves. */
const maxDisagreement = 32;
/**
 * So fine are weights. Sums of them and of their squares are exact, and so the same in any order, as after a resume:
 * those of the squares up to 33 million items of the greatest weight.
 */
const weightSteps = 16;

/** Of an item that was not seen yet. */
const unseen = -1;

/**
 * Counts pairs of a label and another class that the network suggests, each item as much as the square of how far
 * its label is contradicted: the many that are contradicted a little are hard items, not wrong ones.
 */
export class ClassPairs {
  readonly #labels: ArrayLike<number>;
  readonly #classes: number;
  /** Class that the network suggests for each item, or `unseen`. */
  readonly #suggested: Int32Array;
  /** Of each item; 0 where its label is what is suggested. */
  readonly #weights: Float64Array;
  /** By label·classes + suggested class. */
  readonly #weightOfPair = new Map<number, number>();
  /** Items that were seen, by suggested class, whatever their label. */
  readonly #itemsOfClass: Float64Array;
  #seen = 0;
  #weightSum = 0;
  #squareSum = 0;

  /** @param labels  of the items, as they are trained on */
  constructor(labels: ArrayLike<number>, classes: number) {
    this.#labels = labels;
    this.#classes = classes;
    this.#suggested = new Int32Array(labels.length).fill(unseen);
    this.#weights = new Float64Array(labels.length);
    this.#itemsOfClass = new Float64Array(classes);
  }

  /**
   * Has an item count as it is now, and no longer as it was.
   *
   * @param suggested     class that the network suggests for it
   * @param disagreement  how far the network contradicts its label, in nats
   */
  set(item: number, suggested: number, disagreement: number): void {
    this.#count(item, -1);
    const bounded = Math.min(Math.max(disagreement, 0), maxDisagreement);
    const isContradicted = suggested !== this.#labels[item];
    this.#suggested[item] = suggested;
    this.#weights[item] = isContradicted ? Math.round(weightSteps * bounded ** 2) / weightSteps : 0;
    this.#count(item, 1);
  }

  #pairOf(item: number): number {
    return this.#labels[item]! * this.#classes + this.#suggested[item]!;
  }

  #count(item: number, sign: 1 | -1): void {
    const suggested = this.#suggested[item]!;
    if (suggested === unseen) return;
    this.#seen += sign;
    this.#itemsOfClass[suggested]! += sign;
    const weight = this.#weights[item]!;
    if (weight === 0) return;
    this.#weightSum += sign * weight;
    this.#squareSum += sign * weight ** 2;
    const pair = this.#pairOf(item);
    const ofPair = (this.#weightOfPair.get(pair) ?? 0) + sign * weight;
    if (ofPair === 0) this.#weightOfPair.delete(pair);
    else this.#weightOfPair.set(pair, ofPair);
  }

  /**
   * What the other items say of an item by the pair of its label and the class that is suggested for it: log((n + 1) /
   * (e + 1)), where n of them are contradicted in the same way, and e would be if all that are contradicted were
   * spread over the pairs by chance: over the suggested classes as all items are, and evenly over the labels. Both are
   * numbers of items of the same weight that would tell as much, Σw/(Σw²/Σw). The 1 has a pair say little where such
   * items are few.
   *
   * @returns  nats; 0 of an item whose label is the suggested class or that was not seen
   */
  evidence(item: number): number {
    const suggested = this.#suggested[item]!;
    if (suggested === unseen || suggested === this.#labels[item] || this.#weightSum === 0) return 0;
    const unit = this.#squareSum / this.#weightSum;
    const own = this.#weights[item]!;
    const ofPair = this.#weightOfPair.get(this.#pairOf(item)) ?? 0;
    const share = this.#itemsOfClass[suggested]! / this.#seen;
    const contradicted = (ofPair - own) / unit;
    const expected = (((this.#weightSum - own) / unit) * share) / (this.#classes - 1);
    return Math.log((contradicted + 1) / (expected + 1));
  }
}
