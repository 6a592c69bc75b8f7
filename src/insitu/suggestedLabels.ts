/** Which class the network itself gives an item, over all its presentations. */
import { argMax } from '../argMax.ts';
import { fetchRows } from './fetchRows.ts';

/** A class with its mean probability, 0..1. */
export interface Suggestion {
  readonly label: number;
  readonly probability: number;
}

/** Plain arrays for the checkpoint, by name. */
export type SuggestedLabelsState = Readonly<Record<string, Float32Array | Int32Array>>;

/** An array of an earlier state, which becomes this one's, or a new one. */
function arrayOf<T extends Float32Array | Int32Array>(
  state: SuggestedLabelsState | undefined,
  name: string,
  type: new (length: number) => T,
  length: number,
): T {
  return (state?.[name] as T | undefined) ?? new type(length);
}

/** Gathers what the network says of each item. */
export interface SuggestedLabels {
  /** What a resumed run goes on from; the arrays themselves, not copies. */
  readonly state: SuggestedLabelsState;
  /**
   * Adds one presentation of some items.
   *
   * @param probabilities  [n, classes]
   */
  add(itemIndices: ArrayLike<number>, probabilities: ArrayLike<number>): void;
  /** The class that is suggested for an item; probability 0 before its first presentation. */
  suggestion(item: number): Suggestion;
}

/** Up to so many bytes the mean probabilities of all classes are kept: 25 million numbers. */
const maxProbabilityBytes = 100e6;

/**
 * Keeps the mean probability of every class for each item while these take no more than
 * `maxProbabilityBytes` (4 bytes each, and 4 for each item), else follows one class of each item (16
 * bytes).
 *
 * @param state  of an earlier one, to go on from; its arrays become this one's
 */
export function suggestedLabels(
  size: number,
  classes: number,
  state?: SuggestedLabelsState,
): SuggestedLabels {
  return 4 * size * classes <= maxProbabilityBytes
    ? new MeanProbabilities(size, classes, state)
    : new FollowedClass(size, classes, state);
}

/** Exact: the class with the highest mean probability over all presentations. */
export class MeanProbabilities implements SuggestedLabels {
  readonly #classes: number;
  readonly #epochs: Int32Array;
  /** [size, classes] */
  readonly #means: Float32Array;

  constructor(size: number, classes: number, state?: SuggestedLabelsState) {
    this.#classes = classes;
    this.#epochs = arrayOf(state, 'epochs', Int32Array, size);
    this.#means = arrayOf(state, 'means', Float32Array, size * classes);
  }

  get state(): SuggestedLabelsState {
    return { epochs: this.#epochs, means: this.#means };
  }

  add(itemIndices: ArrayLike<number>, probabilities: ArrayLike<number>): void {
    const [classes, means] = [this.#classes, this.#means];
    fetchRows(this.#epochs, 1, itemIndices);
    fetchRows(means, classes, itemIndices);
    for (let row = 0; row < itemIndices.length; row++) {
      const item = itemIndices[row]!;
      const n = ++this.#epochs[item]!;
      for (let k = 0, at = item * classes; k < classes; k++, at++) {
        means[at]! += (probabilities[row * classes + k]! - means[at]!) / n;
      }
    }
  }

  suggestion(item: number): Suggestion {
    const first = item * this.#classes;
    const label = argMax(this.#means, first, this.#classes);
    return { label, probability: this.#means[first + label]! };
  }
}

/**
 * One class for each item, found by a majority vote whose votes weigh as much as their probability
 * (Boyer and Moore): a class that got more than half of the weight is certain to be the one. Its
 * probability is the mean since it was taken up.
 */
export class FollowedClass implements SuggestedLabels {
  readonly #classes: number;
  readonly #followed: Int32Array;
  /** Presentations since the class was taken up. */
  readonly #epochs: Int32Array;
  readonly #mean: Float32Array;
  /** Votes for the class less those against it. */
  readonly #lead: Float32Array;

  constructor(size: number, classes: number, state?: SuggestedLabelsState) {
    this.#classes = classes;
    this.#followed = arrayOf(state, 'followed', Int32Array, size);
    this.#epochs = arrayOf(state, 'epochs', Int32Array, size);
    this.#mean = arrayOf(state, 'mean', Float32Array, size);
    this.#lead = arrayOf(state, 'lead', Float32Array, size);
  }

  get state(): SuggestedLabelsState {
    return {
      followed: this.#followed,
      epochs: this.#epochs,
      mean: this.#mean,
      lead: this.#lead,
    };
  }

  add(itemIndices: ArrayLike<number>, probabilities: ArrayLike<number>): void {
    const classes = this.#classes;
    for (let row = 0; row < itemIndices.length; row++) {
      const item = itemIndices[row]!;
      const first = row * classes;
      const output = argMax(probabilities, first, classes);
      const vote = probabilities[first + output]!;
      const lead = this.#lead[item]! + (output === this.#followed[item] ? vote : -vote);
      if (lead < 0 || this.#epochs[item] === 0) {
        this.#followed[item] = output;
        this.#epochs[item] = 0;
        this.#mean[item] = 0;
      }
      this.#lead[item] = Math.abs(lead);
      const n = ++this.#epochs[item]!;
      const p = probabilities[first + this.#followed[item]!]!;
      this.#mean[item]! += (p - this.#mean[item]!) / n;
    }
  }

  suggestion(item: number): Suggestion {
    return { label: this.#followed[item]!, probability: this.#mean[item]! };
  }
}
