/** What a small network, that has not seen an item, takes it for. */
import { gaussian, permutation } from '../../src/random.ts';
import type { ItemVectors } from './itemVectors.ts';

/** Units of the one hidden layer. */
const hiddenUnits = 32;
/** Items of each half that the network learns from at most, and how often it sees each. */
const maxFitted = 8000;
const epochs = 6;

/** A perceptron of one hidden layer of rectified units (He et al. 2015's first weights, no weight decay). */
class SmallNetwork {
  readonly #inputs: number;
  readonly #classes: number;
  /** [units, inputs + 1], the last column the bias. */
  readonly #first: Float32Array;
  /** [classes, units + 1] */
  readonly #second: Float32Array;
  readonly #hidden = new Float32Array(hiddenUnits);
  readonly #back = new Float32Array(hiddenUnits);

  constructor(inputs: number, classes: number, next: () => number) {
    this.#inputs = inputs;
    this.#classes = classes;
    const weights = (rows: number, columns: number) =>
      Float32Array.from({ length: rows * (columns + 1) }, (_, i) =>
        i % (columns + 1) === columns ? 0 : gaussian(next) * Math.sqrt(2 / columns),
      );
    this.#first = weights(hiddenUnits, inputs);
    this.#second = weights(classes, hiddenUnits);
  }

  /** Writes the probabilities of the classes, [classes], of a vector that begins at `from`. */
  predict(values: Float32Array, from: number, p: Float32Array): void {
    const [first, second, hidden, inputs] = [this.#first, this.#second, this.#hidden, this.#inputs];
    for (let unit = 0, at = 0; unit < hiddenUnits; unit++, at++) {
      let sum = 0;
      for (let i = 0; i < inputs; i++, at++) sum += first[at]! * values[from + i]!;
      hidden[unit] = Math.max(0, sum + first[at]!);
    }
    let largest = Number.NEGATIVE_INFINITY;
    for (let label = 0, at = 0; label < this.#classes; label++, at++) {
      let sum = 0;
      for (let unit = 0; unit < hiddenUnits; unit++, at++) sum += second[at]! * hidden[unit]!;
      p[label] = sum + second[at]!;
      largest = Math.max(largest, p[label]!);
    }
    let total = 0;
    for (let label = 0; label < p.length; label++) {
      p[label] = Math.exp(p[label]! - largest);
      total += p[label]!;
    }
    for (let label = 0; label < p.length; label++) p[label]! /= total;
  }

  /** One step of gradient descent on the cross-entropy of one item; `p` is overwritten. */
  learn(values: Float32Array, from: number, label: number, rate: number, p: Float32Array): void {
    this.predict(values, from, p);
    p[label]! -= 1;
    const [first, second, hidden, back] = [this.#first, this.#second, this.#hidden, this.#back];
    back.fill(0);
    for (let k = 0, at = 0; k < this.#classes; k++, at++) {
      const step = rate * p[k]!;
      for (let unit = 0; unit < hiddenUnits; unit++, at++) {
        back[unit]! += step * second[at]!;
        second[at]! -= step * hidden[unit]!;
      }
      second[at]! -= step;
    }
    const inputs = this.#inputs;
    for (let unit = 0; unit < hiddenUnits; unit++) {
      if (hidden[unit] === 0) continue;
      const step = back[unit]!;
      let at = unit * (inputs + 1);
      for (let i = 0; i < inputs; i++, at++) first[at]! -= step * values[from + i]!;
      first[at]! -= step;
    }
  }
}

/**
 * The probabilities of the classes of each item by a network that learnt from the other half of the items: what it is
 * taken for by someone who does not know its label.
 *
 * @param labels  of the vectors, 0..classes−1
 * @param next    gives uniform numbers in [0, 1); decides all
 * @returns       [items, classes], each row sums to 1
 */
export function heldOutProbabilities(
  { length, values }: ItemVectors,
  labels: ArrayLike<number>,
  classes: number,
  next: () => number,
): Float32Array {
  const order = permutation(labels.length, next);
  const half = Math.ceil(order.length / 2);
  const halves = [order.subarray(0, half), order.subarray(half)] as const;
  const probabilities = new Float32Array(labels.length * classes);
  const scratch = new Float32Array(classes);
  for (const [fitted, heldOut] of [halves, [halves[1], halves[0]]] as const) {
    const network = new SmallNetwork(length, classes, next);
    const seen = fitted.subarray(0, maxFitted);
    const steps = epochs * seen.length;
    for (let step = 0; step < steps; step++) {
      const item = seen[Math.floor(next() * seen.length)]!;
      // A vector's squares sum to about `length`: a step of this size changes what the network says of it by half.
      const rate = (0.5 / (length + hiddenUnits)) * (1 - step / steps);
      network.learn(values, item * length, labels[item]!, rate, scratch);
    }
    for (const item of heldOut) {
      const row = probabilities.subarray(item * classes, (item + 1) * classes);
      network.predict(values, item * length, row);
    }
  }
  return probabilities;
}
