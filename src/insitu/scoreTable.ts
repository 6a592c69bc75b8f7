/** Every item's scores over a run, gathered from the training steps. */
import { UserError } from '../errors.ts';
import { fetchRows } from './fetchRows.ts';
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

/** What is kept of an item over its presentations, beside each score at the last one and its mean. */
const gathered = [
  /** Presentations so far. */
  'epochs',
  /** Class that the network gave at the last presentation. */
  'output',
  /** Presentations at which the network gave another class than the label. */
  'wrong',
  /** Presentations at which it was wrong after it had been right at the one before. */
  'forgotten',
  /** 1 where the last presentation was right. */
  'correct',
  /** Mean of max(contribution, 0). */
  'clippedMean',
  /** Mean of contribution_positive, the nth presentation weighted by n². */
  'risingPositive',
  /** Mean of the margin, the nth presentation weighted by n². */
  'risingMargin',
  /**
   * Mean of max(L − H, 0) − margin, each presentation weighted by how sure and right the network was then, to the
   * power 5.5.
   */
  'disagreement',
  /** Sum of these weights. */
  'disagreementWeight',
  /** Σ (confidence − mean)², by Welford's recurrence. */
  'confidenceSquares',
] as const;

/** A number that is kept of each item. */
export type Column = StepScore | `${StepScore}_mean` | (typeof gathered)[number];
const columns: readonly Column[] = [
  ...stepScores,
  ...stepScores.map((score) => `${score}_mean` as const),
  ...gathered,
];
const stride = columns.length;
/** Where each number is in the record of an item. */
const places = Object.fromEntries(columns.map((column, place) => [column, place])) as Readonly<
  Record<Column, number>
>;

/** An array of a state, if it has it. @throws UserError  when it is of another length */
function storedOf(
  state: ScoreTableState,
  name: string,
  length: number,
): Float32Array | Int32Array | undefined {
  const values = state[name];
  if (values === undefined || values.length === length) return values;
  throw new UserError(
    `--train_dir: its checkpoint holds ${values.length} numbers "${name}"; this version of losslens keeps ${length}. Name another --train_dir.`,
  );
}

/** The column of a state that holds each by itself, as earlier versions wrote it; undefined where it has none. */
function columnOf(
  state: ScoreTableState,
  place: number,
  size: number,
): ArrayLike<number> | undefined {
  const scores = stepScores.length;
  const ofScores = (name: string, score: number) =>
    storedOf(state, name, scores * size)?.subarray(score * size, (score + 1) * size);
  if (place < scores) return ofScores('last', place);
  if (place < 2 * scores) return ofScores('mean', place - scores);
  return storedOf(state, columns[place]!, size);
}

/** The records of such a state. @throws UserError  when a column is of another length */
function recordsOf(state: ScoreTableState, size: number): Float32Array {
  const records = new Float32Array(stride * size);
  for (let place = 0; place < stride; place++) {
    const values = columnOf(state, place, size);
    if (values === undefined) continue;
    for (let item = 0; item < size; item++) records[item * stride + place] = values[item]!;
  }
  return records;
}

/** Of an epoch: about so much of it is the memory of the running mean of the network's sureness. */
const surenessMemory = 0.05;
/** How sure and right the network is, to this power, weighs what it says of an item: see docs/detection.md. */
const surenessPower = 5.5;

/** Which rows have finite scores alone, 1 for those: another would stay in the running means for ever. */
function finiteRows(scores: ArrayLike<number>, rows: number): Uint8Array {
  const finite = new Uint8Array(rows).fill(1);
  for (let first = 0; first < stepScores.length * rows; first += rows) {
    for (let row = 0; row < rows; row++) {
      if (!Number.isFinite(scores[first + row])) finite[row] = 0;
    }
  }
  return finite;
}

/**
 * Accumulates scores: for each item 4 bytes for each of 9 scores of the last presentation, 9 means, the clipped
 * mean, 2 rising means, the disagreement with its weight and the spread of the confidence, the last output and four
 * counts, 116 bytes in all. They lie together, since a step reads and writes all that is kept of its items, which
 * lie anywhere: to wait for the memory of each column would take most of its time.
 *
 * Means are running ones, so that they hold after any number of epochs without large sums. Counts are
 * float32 as all else, which holds them to 16 million.
 */
export class ScoreTable {
  readonly size: number;
  /** [size, columns] */
  readonly #records: Float32Array;
  /** Running mean of the probability of the network's outputs, 0..1: one number. */
  readonly sureness: Float32Array;
  /** Running mean of the share of them that is right, 0..1: one number. */
  readonly accuracy: Float32Array;

  /**
   * @param size   items of the data set
   * @param state  of an earlier table, to go on from; its arrays become this one's
   * @throws UserError  when it is of a data set of another size, or holds more or less of an item
   */
  constructor(size: number, state: ScoreTableState = {}) {
    this.size = size;
    const { epochs, records } = state;
    const items = epochs?.length ?? (records ? records.length / stride : size);
    // No whole number is of a version that keeps other columns.
    if (Number.isInteger(items) && items !== size) {
      throw new UserError(
        `--train_dir: its checkpoint holds scores of ${items} items; the data set has ${size}. Name another --train_dir.`,
      );
    }
    const stored = storedOf(state, 'records', stride * size) as Float32Array | undefined;
    this.#records = stored ?? recordsOf(state, size);
    this.sureness =
      (storedOf(state, 'sureness', 1) as Float32Array | undefined) ?? new Float32Array(1);
    // Earlier versions did not look at it.
    this.accuracy =
      (storedOf(state, 'accuracy', 1) as Float32Array | undefined) ?? this.sureness.slice();
  }

  /** The arrays themselves, not copies. */
  get state(): ScoreTableState {
    const { sureness, accuracy } = this;
    return { records: this.#records, sureness, accuracy };
  }

  /** One number that is kept of an item. */
  at(item: number, column: Column): number {
    return this.#records[item * stride + places[column]]!;
  }

  /** Those of some items that were presented, in their order. */
  seen(items: Uint32Array): Uint32Array {
    const seen = new Uint32Array(items.length);
    let count = 0;
    for (let i = 0; i < items.length; i++) {
      if (this.#records[items[i]! * stride + places.epochs]! > 0) seen[count++] = items[i]!;
    }
    return seen.subarray(0, count);
  }

  /** The same number of some items, in their order. */
  column(items: ArrayLike<number>, column: Column): Float32Array {
    const place = places[column];
    const values = new Float32Array(items.length);
    for (let i = 0; i < values.length; i++) values[i] = this.#records[items[i]! * stride + place]!;
    return values;
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
    const right = Uint8Array.from({ length: rows }, (_, row) =>
      output[row] === labels[row] ? 1 : 0,
    );
    const weight = this.#updateSureness(scores, loss, margin, right, finite) ** surenessPower;
    fetchRows(this.#records, stride, itemIndices);
    const records = this.#records;
    const count = stepScores.length;
    for (let row = 0; row < rows; row++) {
      if (finite[row] === 0) continue;
      const first = itemIndices[row]! * stride;
      const n = ++records[first + places.epochs]!;
      const before = records[first + places.confidence_mean]!;
      for (let c = 0, at = first; c < count; c++, at++) {
        const value = scores[c * rows + row]!;
        records[at] = value;
        records[at + count]! += (value - records[at + count]!) / n;
      }
      const clippedMean = first + places.clippedMean;
      records[clippedMean]! +=
        (Math.max(0, scores[contribution + row]!) - records[clippedMean]!) / n;
      // Weights 1, 4, …, n² sum to n·(n+1)·(2n+1)/6, of which n² is this share.
      const share = (6 * n) / ((n + 1) * (2 * n + 1));
      const risingPositive = first + places.risingPositive;
      records[risingPositive]! += (scores[positive + row]! - records[risingPositive]!) * share;
      const risingMargin = first + places.risingMargin;
      records[risingMargin]! += (scores[margin + row]! - records[risingMargin]!) * share;
      const disagreement =
        Math.max(0, scores[loss + row]! - scores[entropy + row]!) - scores[margin + row]!;
      const disagreementMean = first + places.disagreement;
      const disagreementWeight = first + places.disagreementWeight;
      records[disagreementWeight]! += weight;
      records[disagreementMean]! +=
        ((disagreement - records[disagreementMean]!) * weight) / records[disagreementWeight]!;
      const p = scores[confidence + row]!;
      records[first + places.confidenceSquares]! +=
        (p - before) * (p - records[first + places.confidence_mean]!);
      if (right[row] === 0) {
        records[first + places.wrong]!++;
        if (records[first + places.correct] === 1) records[first + places.forgotten]!++;
      }
      records[first + places.correct] = right[row]!;
      records[first + places.output] = output[row]!;
    }
    return finite;
  }

  /**
   * Takes the outputs of a batch into the running means, from 0 on.
   *
   * @returns  how sure the network is, but no surer than it is right: steps that throw it off leave it sure and wrong;
   *           > 0
   */
  #updateSureness(
    scores: ArrayLike<number>,
    loss: number,
    margin: number,
    right: Uint8Array,
    finite: Uint8Array,
  ): number {
    let sure = 0;
    let correct = 0;
    let count = 0;
    for (let row = 0; row < finite.length; row++) {
      if (finite[row] === 0) continue;
      count++;
      correct += right[row]!;
      // log p of the output: that of the label, or where another class is ahead, higher by the margin.
      sure += Math.exp(-scores[loss + row]! - Math.min(0, scores[margin + row]!));
    }
    const rate = Math.min(0.5, count / (surenessMemory * this.size));
    const [sureness, accuracy] = [this.sureness, this.accuracy];
    if (count > 0) {
      sureness[0]! += (sure / count - sureness[0]!) * rate;
      accuracy[0]! += (correct / count - accuracy[0]!) * rate;
    }
    return Math.max(1e-3, Math.min(sureness[0]!, accuracy[0]!));
  }
}
