/** Every item's scores over a run, gathered from the training steps. */
import { UserError } from '../errors.ts';
import { type StepScore, stepScores } from './stepScores.ts';

/** Scores of the items of one step, as the graph gives them. */
export interface StepScores {
  readonly itemIndices: ArrayLike<number>;
  /** float32 [scores·n] as `itemScores` packs them. */
  readonly scores: ArrayLike<number>;
  /** Class that the network gave each item, [n]. */
  readonly output: ArrayLike<number>;
  /** Label of each item as it is trained on, [n]. */
  readonly labels: ArrayLike<number>;
}

/** What is kept of all items, by name; plain arrays for the checkpoint. */
export type ScoreTableState = Readonly<Record<string, Float32Array | Int32Array>>;

type Columns = Readonly<Record<StepScore, Float32Array>>;

/** Views of the values of each score, which lie one score after the other. */
function columnsOf(values: Float32Array): Columns {
  const size = values.length / stepScores.length;
  return Object.fromEntries(
    stepScores.map((score, i) => [score, values.subarray(i * size, (i + 1) * size)]),
  ) as Columns;
}

/** Of an epoch: about so much of it is the memory of the running mean of the network's sureness. */
const surenessMemory = 0.05;
/** The network's sureness to this power weighs what it says of an item: see docs/detection.md. */
const surenessPower = 5;

/** Which rows have finite scores alone, 1 for those: another would stay in the running means for ever. */
function finiteRows(scores: ArrayLike<number>, rows: number): Uint8Array {
  const finite = new Uint8Array(rows).fill(1);
  for (let i = 0; i < stepScores.length * rows; i++) {
    if (!Number.isFinite(scores[i])) finite[i % rows] = 0;
  }
  return finite;
}

/**
 * Accumulates scores in flat arrays: for each item 4 bytes for each of 9 scores of the last
 * presentation, 9 means, the clipped mean, 2 rising means, the disagreement with its weight and the
 * spread of the confidence, the last output and four counts, 116 bytes in all.
 *
 * Means are running ones, so that they hold after any number of epochs without large sums.
 */
export class ScoreTable {
  readonly size: number;
  /** Presentations so far. */
  readonly epochs: Int32Array;
  /** Class that the network gave at the last presentation. */
  readonly output: Int32Array;
  /** Presentations at which the network gave another class than the label. */
  readonly wrong: Int32Array;
  /** Presentations at which it was wrong after it had been right at the one before. */
  readonly forgotten: Int32Array;
  /** 1 where the last presentation was right. */
  readonly correct: Int32Array;
  readonly #last: Float32Array;
  readonly #mean: Float32Array;
  readonly #lastOf: Columns;
  readonly #meanOf: Columns;
  /** Mean of max(contribution, 0). */
  readonly clippedMean: Float32Array;
  /** Mean of contribution_positive, the nth presentation weighted by n². */
  readonly risingPositive: Float32Array;
  /** Mean of the margin, the nth presentation weighted by n². */
  readonly risingMargin: Float32Array;
  /**
   * Mean of max(L − H, 0) − margin, each presentation weighted by the fifth power of how sure the network
   * was of its outputs then.
   */
  readonly disagreement: Float32Array;
  /** Sum of these weights. */
  readonly disagreementWeight: Float32Array;
  /** Running mean of the probability of the network's outputs, 0..1: one number. */
  readonly sureness: Float32Array;
  /** Σ (confidence − mean)², by Welford's recurrence. */
  readonly confidenceSquares: Float32Array;

  /**
   * @param size   items of the data set
   * @param state  of an earlier table, to go on from; its arrays become this one's
   * @throws UserError  when it is of a data set of another size
   */
  constructor(size: number, state?: ScoreTableState) {
    this.size = size;
    const before = state?.['epochs']?.length ?? size;
    if (before !== size) {
      throw new UserError(
        `--train_dir: its checkpoint holds scores of ${before} items; the data set has ${size}. Name another --train_dir.`,
      );
    }
    const stored = <T extends Float32Array | Int32Array>(
      name: string,
      type: new (length: number) => T,
      length = size,
    ): T => {
      const values = state?.[name] ?? new type(length);
      if (values.length === length) return values as T;
      throw new UserError(
        `--train_dir: its checkpoint holds ${values.length} numbers "${name}"; this version of losslens keeps ${length}. Name another --train_dir.`,
      );
    };
    const counts = (name: string) => stored(name, Int32Array);
    const reals = (name: string, length?: number) => stored(name, Float32Array, length);
    this.epochs = counts('epochs');
    this.output = counts('output');
    this.wrong = counts('wrong');
    this.forgotten = counts('forgotten');
    this.correct = counts('correct');
    this.#last = reals('last', stepScores.length * size);
    this.#mean = reals('mean', stepScores.length * size);
    this.#lastOf = columnsOf(this.#last);
    this.#meanOf = columnsOf(this.#mean);
    this.clippedMean = reals('clippedMean');
    this.risingPositive = reals('risingPositive');
    this.risingMargin = reals('risingMargin');
    this.disagreement = reals('disagreement');
    this.disagreementWeight = reals('disagreementWeight');
    this.sureness = reals('sureness', 1);
    this.confidenceSquares = reals('confidenceSquares');
  }

  /** The arrays themselves, not copies. */
  get state(): ScoreTableState {
    return {
      epochs: this.epochs,
      output: this.output,
      wrong: this.wrong,
      forgotten: this.forgotten,
      correct: this.correct,
      last: this.#last,
      mean: this.#mean,
      clippedMean: this.clippedMean,
      risingPositive: this.risingPositive,
      risingMargin: this.risingMargin,
      disagreement: this.disagreement,
      disagreementWeight: this.disagreementWeight,
      sureness: this.sureness,
      confidenceSquares: this.confidenceSquares,
    };
  }

  /** A score at each item's last presentation, [size]; a view. */
  last(score: StepScore): Float32Array {
    return this.#lastOf[score];
  }

  /** A score's mean over each item's presentations, [size]; a view. */
  mean(score: StepScore): Float32Array {
    return this.#meanOf[score];
  }

  /**
   * Adds one presentation of some items, but for those with a score that is not finite.
   *
   * @returns  1 for each row that was added, 0 for one that was left out
   */
  add({ itemIndices, scores, output, labels }: StepScores): Uint8Array {
    const rows = itemIndices.length;
    const finite = finiteRows(scores, rows);
    const column = (score: StepScore) => stepScores.indexOf(score) * rows;
    const contribution = column('contribution');
    const positive = column('contribution_positive');
    const margin = column('margin');
    const confidence = column('confidence');
    const loss = column('loss');
    const entropy = column('entropy');
    const weight = this.#updateSureness(scores, loss, margin, finite) ** surenessPower;
    const confidenceMean = this.mean('confidence');
    const [lasts, means, size] = [this.#last, this.#mean, this.size];
    for (let row = 0; row < rows; row++) {
      if (finite[row] === 0) continue;
      const item = itemIndices[row]!;
      const n = ++this.epochs[item]!;
      const before = confidenceMean[item]!;
      for (let c = 0, at = item; c < stepScores.length; c++, at += size) {
        const value = scores[c * rows + row]!;
        lasts[at] = value;
        means[at]! += (value - means[at]!) / n;
      }
      this.clippedMean[item]! +=
        (Math.max(0, scores[contribution + row]!) - this.clippedMean[item]!) / n;
      // Weights 1, 4, …, n² sum to n·(n+1)·(2n+1)/6, of which n² is this share.
      const share = (6 * n) / ((n + 1) * (2 * n + 1));
      this.risingPositive[item]! += (scores[positive + row]! - this.risingPositive[item]!) * share;
      this.risingMargin[item]! += (scores[margin + row]! - this.risingMargin[item]!) * share;
      const disagreement =
        Math.max(0, scores[loss + row]! - scores[entropy + row]!) - scores[margin + row]!;
      this.disagreementWeight[item]! += weight;
      this.disagreement[item]! +=
        ((disagreement - this.disagreement[item]!) * weight) / this.disagreementWeight[item]!;
      const p = scores[confidence + row]!;
      this.confidenceSquares[item]! += (p - before) * (p - confidenceMean[item]!);
      const isCorrect = output[row] === labels[row];
      if (!isCorrect) {
        this.wrong[item]!++;
        if (this.correct[item] === 1) this.forgotten[item]!++;
      }
      this.correct[item] = isCorrect ? 1 : 0;
      this.output[item] = output[row]!;
    }
    return finite;
  }

  /** Takes the outputs of a batch into the running mean, from 0 on. @returns that mean, > 0 */
  #updateSureness(
    scores: ArrayLike<number>,
    loss: number,
    margin: number,
    finite: Uint8Array,
  ): number {
    let sum = 0;
    let count = 0;
    for (let row = 0; row < finite.length; row++) {
      if (finite[row] === 0) continue;
      count++;
      // log p of the output: that of the label, or where another class is ahead, higher by the margin.
      sum += Math.exp(-scores[loss + row]! - Math.min(0, scores[margin + row]!));
    }
    const rate = Math.min(0.5, count / (surenessMemory * this.size));
    if (count > 0) this.sureness[0]! += (sum / count - this.sureness[0]!) * rate;
    return Math.max(1e-3, this.sureness[0]!);
  }
}
