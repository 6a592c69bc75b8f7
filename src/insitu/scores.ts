/** The scores that items can be ranked by, by name: what --rank_by takes and items.csv holds. */

import type { KnownItems } from './knownItems.ts';
import { type StepScore, stepScores } from './stepScores.ts';

/** One score. */
export interface Score {
  /** Which end of it is suspicious: where the ranking begins. */
  readonly first: 'highest' | 'lowest';
  /** One sentence: what it is, over which presentations. */
  readonly help: string;
  /** The score of one item from what is gathered so far; NaN before its first presentation. */
  readonly value: (known: KnownItems, item: number) => number;
  /** Decides between items of the same value, 0 ≤ x < 1, higher first; for scores that count. */
  readonly tieBreak?: (known: KnownItems, item: number) => number;
}

const stepHelp: Readonly<Record<StepScore, string>> = {
  contribution: 'loss contribution S at --hs in nats',
  contribution_positive: 'positive part C of the loss contribution in nats',
  contribution_negative: 'negative part R of the loss contribution in nats',
  loss: 'cross-entropy with the label in nats',
  margin: "logit of the label less the largest other one (AUM's)",
  entropy: "entropy of the network's probabilities in nats",
  confidence: 'probability of the label',
  el2n: 'length of the error vector p − onehot(label)',
  grand: "length of the loss' gradient in the last layer's weights",
};

/** Where a low value is the suspicious one. */
const lowestFirst = new Set<StepScore>(['margin', 'confidence']);

function ofStep(name: StepScore): [string, Score][] {
  const first = lowestFirst.has(name) ? 'lowest' : 'highest';
  const mean = `${name}_mean` as const;
  const help = stepHelp[name];
  return [
    [
      name,
      {
        first,
        help: `${help}, at the last presentation`,
        value: ({ table }, i) => table.at(i, name),
      },
    ],
    [
      mean,
      { first, help: `${help}, mean over epochs`, value: ({ table }, i) => table.at(i, mean) },
    ],
  ];
}

/** The mean loss as a number below 1: counts are alike for many items. */
const byMeanLoss = ({ table }: KnownItems, item: number) => {
  const loss = table.at(item, 'loss_mean');
  return loss / (1 + loss);
};

/** All scores by name, in the order of the columns. */
export const scores: ReadonlyMap<string, Score> = new Map<string, Score>([
  ...stepScores.flatMap(ofStep),
  [
    'contribution_clipped_mean',
    {
      first: 'highest',
      help: 'mean over epochs of max(contribution, 0)',
      value: ({ table }, item) => table.at(item, 'clippedMean'),
    },
  ],
  [
    'contribution_positive_rising_mean',
    {
      first: 'highest',
      help: 'mean over epochs of contribution_positive, epoch n weighted by n²',
      value: ({ table }, item) => table.at(item, 'risingPositive'),
    },
  ],
  [
    'margin_rising_mean',
    {
      first: 'lowest',
      help: 'mean over epochs of the margin, epoch n weighted by n²',
      value: ({ table }, item) => table.at(item, 'risingMargin'),
    },
  ],
  [
    'disagreement',
    {
      first: 'highest',
      help: 'mean over epochs of max(loss − entropy, 0) − margin, weighted by how sure and right the network was at the time',
      value: ({ table }, item) => table.at(item, 'disagreement'),
    },
  ],
  [
    'pair_disagreement',
    {
      first: 'highest',
      help: 'disagreement, more where many items of the suggested class have this label, less where few have',
      value: (known, item) => known.pairDisagreement(item),
    },
  ],
  [
    'variability',
    {
      first: 'highest',
      help: 'standard deviation of the confidence over epochs (data maps)',
      value: ({ table }, item) =>
        Math.sqrt(Math.max(0, table.at(item, 'confidenceSquares')) / table.at(item, 'epochs')),
    },
  ],
  [
    'forgetting_events',
    {
      first: 'highest',
      help: 'epochs that got the item wrong after the one before got it right; all epochs where none did',
      value: ({ table }, item) =>
        table.at(item, 'wrong') === table.at(item, 'epochs')
          ? table.at(item, 'epochs')
          : table.at(item, 'forgotten'),
      tieBreak: byMeanLoss,
    },
  ],
  [
    'wrong_events',
    {
      first: 'highest',
      help: 'epochs that gave another class than the label',
      value: ({ table }, item) => table.at(item, 'wrong'),
      tieBreak: byMeanLoss,
    },
  ],
]);

/** What --rank_by is without a choice while a network is trained: the paper's. */
export const defaultScore = 'contribution';

/**
 * What ranks the items of a whole run without a choice: what found planted errors best (docs/detection.md). A run of an
 * earlier version has the second alone.
 */
export const reviewScores: readonly string[] = ['pair_disagreement', 'disagreement'];

/**
 * How suspicious a score finds an item: its value with the sign and the tie-break that make higher
 * more suspicious.
 */
export function suspicion(
  { first, value, tieBreak }: Score,
  known: KnownItems,
  item: number,
): number {
  if (known.table.at(item, 'epochs') === 0) return Number.NaN;
  const signed = first === 'highest' ? value(known, item) : -value(known, item);
  return signed + (tieBreak?.(known, item) ?? 0);
}

/** The suspicion of every item, [size]; NaN for those that were not seen yet. */
export function suspicions(score: Score, known: KnownItems): Float64Array {
  const { size } = known.table;
  return Float64Array.from({ length: size }, (_, item) => suspicion(score, known, item));
}
