/** A layer's gradient against differences of the loss as a function of that layer. */
import type { HostTensor, Session } from '../engines/engine.ts';
import { random, streams } from '../random.ts';
import { type Comparison, smallestSum } from './checks.ts';
import { logProbabilities, rowsOf, total } from './logits.ts';
import type { Feeds } from './verificationGraph.ts';

/** Differences of a loss in float32 over steps that cross the kinks of ReLU and pooling. */
const differenceTolerance = 0.02;
/** However little the differences agree: a wrong gradient is wrong by more. */
const maxDifferenceTolerance = 0.3;
/** Relative sizes of the steps; each is a quarter of the one before. */
const steps = [2 ** -8, 2 ** -10, 2 ** -12, 2 ** -14, 2 ** -16, 2 ** -18];
/** What an engine's float32 leaves open of a probability near 1. */
const probabilityError = 2 ** -22;
/** The same of a logit, as a share of it. */
const logitError = 2 ** -24;
/** What float64 leaves open of a loss, as a share of it. */
const lossError = 2 ** -50;
/**
 * A layer's gradient along a random direction: each channel of each item (each unit, where there is
 * no height and width) is scaled by 1 ± step.
 *
 * Scaling whole channels keeps ties within pooling windows: in flat image areas, neighbouring values
 * are equal, and where a tie breaks the loss has a kink.
 *
 * @returns  the size is the root of the summed squares of the channels' contributions, which is the
 *           expected size of the derivative; the tolerance grows with the differences' own error
 */
export async function compareDifferences(
  layer: string,
  session: Session,
  feeds: Feeds,
  outputs: Readonly<Record<string, HostTensor>>,
  batchIndex: number,
): Promise<Comparison> {
  const { data: activation, shape } = outputs[`${layer}/activation`]!;
  // What is 0 stays 0 when it is scaled.
  if (activation.every((value) => value === 0)) {
    return { error: 0, size: 0, tolerance: differenceTolerance, rounding: smallestSum };
  }
  const channels = outputs[`${layer}/channels`]!.data;
  const channelCount = shape.at(-1)!;
  const itemSize = activation.length / shape[0]!;
  const next = random(0, streams.direction, batchIndex);
  const signs = Float32Array.from(channels, () => (next() < 0.5 ? -1 : 1));
  let derivative = 0;
  let squares = 0;
  channels.forEach((contribution, i) => {
    derivative += signs[i]! * contribution;
    squares += contribution * contribution;
  });
  const logitsAt = async (step: number) => {
    const moved = Float32Array.from(activation, (value, i) => {
      const item = Math.floor(i / itemSize);
      return value * (1 + step * signs[item * channelCount + (i % channelCount)]!);
    });
    const { labels: _, ...items } = feeds;
    const moving = { ...items, activation: { data: moved, shape } };
    return rowsOf((await session.run(`behind ${layer}`, moving))['logits']!);
  };
  // From the logits in float64: in float32 the loss would round small differences away.
  const lossOf = (rows: readonly ArrayLike<number>[]) =>
    total(rows.map((row, i) => -logProbabilities(row)[feeds.labels.data[i]!]!));
  const differences: number[] = [];
  let rounding = 0;
  for (const step of steps) {
    const [above, below] = [await logitsAt(step), await logitsAt(-step)];
    differences.push((lossOf(above) - lossOf(below)) / (2 * step));
    // The largest step, which comes first, is the one that rounding disturbs least.
    rounding ||= roundingOf(above, below, feeds.labels.data) / (2 * step);
  }
  const size = Math.max(Math.sqrt(squares), Math.abs(derivative));
  const { value, spread } = mostCertain(differences);
  const uncertain = spread === 0 ? 0 : (2 * spread) / size;
  const tolerance = Math.min(differenceTolerance + uncertain, maxDifferenceTolerance);
  return { error: value - derivative, size, tolerance, rounding };
}

/**
 * What float32 leaves open of the difference of the loss between two sets of logits, and of what
 * p − y says that it is.
 */
function roundingOf(
  above: readonly ArrayLike<number>[],
  below: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
): number {
  let sum = smallestSum;
  let squares = 0;
  above.forEach((row, i) => {
    const moves = Array.from(row, (z, k) => Math.abs(z - below[i]![k]!));
    const loss = -logProbabilities(row)[labels[i]!]!;
    sum += probabilityError * Math.max(...moves) + lossError * loss;
    const largest = Math.max(...Array.from(row, Math.abs));
    squares += (2 * logitError * largest * (1 - Math.exp(-loss))) ** 2;
  });
  return sum + Math.sqrt(squares);
}

/**
 * The best of several estimates with ever smaller steps: large steps cross kinks, small ones drown in
 * rounding, and in between neighbours agree.
 *
 * @returns  the median of the three neighbours that differ least, and how much they differ
 */
function mostCertain(estimates: readonly number[]): { value: number; spread: number } {
  let best = { value: Number.NaN, spread: Number.POSITIVE_INFINITY };
  for (let i = 2; i < estimates.length; i++) {
    const [low, middle, high] = estimates.slice(i - 2, i + 1).sort((a, b) => a - b);
    const spread = high! - low!;
    if (spread < best.spread) best = { value: middle!, spread };
  }
  return best;
}
