/**
 * How many of the items that rank first carry a wrong label, told from the scores of one run alone.
 *
 * Scores of `disagreement` above 0 are of two kinds. Items with a right label that the network cannot
 * learn grow rarer with the score: as exp(−score/scale), whose scale is a share of the spread of all
 * scores. How many there are above 0 is told by how densely scores lie around 0, where few labels are
 * wrong. What is found further up beyond these are wrong labels. The share was the same for all networks
 * and kinds of noise that were looked at, but for those where `expectWrongLabels` does not answer: see
 * docs/detection.md.
 */

import { reviewScores } from './scores.ts';

/** Scale of the right labels' scores above 0, in interquartile ranges of all scores: low, taken, high. */
const scaleShares = [0.5, 0.57, 0.65] as const;
/** Of the list: how far what the low and the high scale say may be apart. */
const maxSpread = 0.12;
/** Share of all items above which too many are contradicted to say what the scores of the rest are. */
const maxContradictedShare = 0.2;
/** Right labels expected above 0 for each score there: more mean that scores do not fall off as expected. */
const maxExcess = 1.25;
/** No list is promised to be purer: errors that always go to one class are taken for a few too many. */
const maxWrongShare = 0.95;

/**
 * How many items of a descending list lie above a value.
 *
 * @param descending  numbers, the highest first
 */
function countAbove(descending: Float64Array, value: number): number {
  let [low, high] = [0, descending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (descending[middle]! > value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The value below which a share of the numbers lies, between neighbours in a line. */
function quantile(descending: Float64Array, share: number): number {
  const position = (1 - share) * (descending.length - 1);
  const before = Math.floor(position);
  const after = Math.min(before + 1, descending.length - 1);
  const part = position - before;
  return (1 - part) * descending[before]! + part * descending[after]!;
}

/**
 * Right labels among the first `length` items, and by how many times those above 0 would exceed all
 * items there.
 *
 * @param scale  of the exponential, > 0
 */
function rightLabels(descending: Float64Array, length: number, scale: number) {
  const contradicted = countAbove(descending, 0);
  const near = countAbove(descending, -scale / 2) - countAbove(descending, scale / 2);
  const right = Math.min(near, contradicted) * Math.exp(-descending[length - 1]! / scale);
  return { right, excess: near / contradicted };
}

/**
 * How many of the `length` items of the highest disagreement carry a wrong label.
 *
 * @param disagreement  the score of each item; NaN for those without
 * @returns             a number of items; undefined where it cannot be told
 */
export function expectWrongLabels(
  disagreement: ArrayLike<number>,
  length: number,
): number | undefined {
  const descending = Float64Array.from(disagreement).filter(Number.isFinite).sort().reverse();
  const { length: size } = descending;
  if (length < 1 || countAbove(descending, 0) > maxContradictedShare * size) return undefined;
  const spread = quantile(descending, 0.75) - quantile(descending, 0.25);
  const [low, taken, high] = scaleShares.map((share) => share * spread) as [number, number, number];
  // Nearer to 0 than the scale the list is no tail yet.
  if (spread === 0 || length > countAbove(descending, taken)) return undefined;
  const { right, excess } = rightLabels(descending, length, taken);
  const [fewest, most] = [low, high].map((scale) => rightLabels(descending, length, scale).right);
  if (excess > maxExcess || most! - fewest! > maxSpread * length) return undefined;
  return Math.min(length - right, maxWrongShare * length);
}

/** Items at the head of a ranking that a run speaks of. */
const listLength = 100;

/**
 * What to expect of the items that rank first by one of `reviewScores`, as a sentence without a full stop; that it
 * cannot be told where it cannot. It is told by `disagreement` for both: of the first items by `pair_disagreement` at
 * least about as many are wrong (docs/detection.md).
 *
 * @param disagreement  of each item, whichever of the two ranks; NaN for those without
 * @param length        items that are looked at; where of so many nothing can be told, the first 100 are taken
 * @param rankBy        score that ranked the items which the reader has seen
 */
export function wrongLabelsText(
  disagreement: ArrayLike<number>,
  length = listLength,
  rankBy = reviewScores[0]!,
): string {
  const isTold = reviewScores.includes(rankBy);
  const list = isTold ? rankBy : reviewScores[0]!;
  const others = isTold ? '' : `; --rank_by=${rankBy} lists others, losslens review shows these`;
  for (const count of [length, Math.min(length, listLength)]) {
    const wrong = expectWrongLabels(disagreement, count);
    if (wrong === undefined) continue;
    return `of the ${count} items with the highest ${list}, expect about ${Math.round(wrong)} to be wrong (told by the scores alone)${others}`;
  }
  return 'how many labels are wrong cannot be told by the scores alone; --label_noise=0.05 measures it with planted errors';
}
