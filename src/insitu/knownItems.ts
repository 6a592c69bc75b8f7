/** What a run knows of every item, gathered from the training steps. */
import { ClassPairs } from './classPairs.ts';
import { ScoreTable, type ScoreTableState, type StepScores } from './scoreTable.ts';
import {
  type SuggestedLabels,
  type SuggestedLabelsState,
  suggestedLabels,
} from './suggestedLabels.ts';

/**
 * How much of what pairs of classes say counts. All of it finds a little more where wrong labels follow classes, and
 * loses more where they do not: see docs/detection.md.
 */
const pairShare = 0.5;

/** What a step says of its items. */
export interface StepItems extends StepScores {
  /** [n, classes] */
  readonly probabilities: ArrayLike<number>;
}

/** What is kept of all items; plain arrays for the checkpoint. */
export interface KnownItemsState {
  readonly scores: ScoreTableState;
  readonly suggested: SuggestedLabelsState;
}

/** Scores of each item, the class that the network suggests for it, and which labels and classes go together. */
export class KnownItems {
  readonly table: ScoreTable;
  readonly suggested: SuggestedLabels;
  readonly #labels: ArrayLike<number>;
  readonly #classes: number;
  #pairs: ClassPairs | undefined;

  /**
   * @param labels   of the items of the data set, as they are trained on
   * @param classes  their number
   * @param state    of an earlier one, to go on from; its arrays become this one's
   * @throws UserError  when that is of a data set of another size
   */
  constructor(labels: ArrayLike<number>, classes: number, state?: KnownItemsState) {
    this.table = new ScoreTable(labels.length, state?.scores);
    this.suggested = suggestedLabels(labels.length, classes, state?.suggested);
    this.#labels = labels;
    this.#classes = classes;
  }

  /** The arrays themselves, not copies. */
  get state(): KnownItemsState {
    return { scores: this.table.state, suggested: this.suggested.state };
  }

  /**
   * Adds one presentation of some items.
   *
   * @returns  1 for each row that was added, 0 for one that was left out of the scores (`ScoreTable.add`)
   */
  add(step: StepItems): Uint8Array {
    const { itemIndices, probabilities } = step;
    const added = this.table.add(step);
    this.suggested.add(itemIndices, probabilities);
    if (this.#pairs !== undefined) {
      for (let row = 0; row < itemIndices.length; row++) {
        this.#count(this.#pairs, itemIndices[row]!);
      }
    }
    return added;
  }

  /**
   * How far the network contradicts an item's label, and how common such a label is on what looks like that item:
   * `disagreement` with half of what the pair of both classes says (`ClassPairs.evidence`), in nats.
   */
  pairDisagreement(item: number): number {
    // Few runs rank by it: the others count pairs at the end alone.
    this.#pairs ??= this.#countAll();
    return this.table.at(item, 'disagreement') + pairShare * this.#pairs.evidence(item);
  }

  #countAll(): ClassPairs {
    const pairs = new ClassPairs(this.#labels, this.#classes);
    for (let item = 0; item < this.#labels.length; item++) this.#count(pairs, item);
    return pairs;
  }

  #count(pairs: ClassPairs, item: number): void {
    if (this.table.at(item, 'epochs') === 0) return;
    const { label } = this.suggested.suggestion(item);
    pairs.set(item, label, this.table.at(item, 'disagreement'));
  }
}
