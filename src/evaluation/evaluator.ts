/** Runs a network over a split and counts how often it is right. */
import type { Dataset } from '../../datasets/dataset.ts';
import { argMax } from '../argMax.ts';
import type { Session } from '../engines/engine.ts';
import type { PrCurve } from '../events/summaries.ts';
import type { FrozenFeatures } from '../model/frozenFeatures.ts';
import type { BatchPipeline } from '../preprocessing/batchPipeline.ts';
import { Confusion } from './confusion.ts';

/** What a network achieves on a split. */
export interface Evaluation {
  /** By label. */
  readonly classNames: readonly string[];
  /** Items that were classified. */
  readonly items: number;
  /** Items for which the network gave no probabilities but NaN; they count as wrong, with a probability of 0. */
  readonly notFinite: number;
  /** Share whose most probable class is the label, 0..1. */
  readonly accuracy: number;
  /** Share whose label is among the five most probable classes, 0..1. */
  readonly recallAt5: number;
  /** Mean of −log of the label's probability, nats. */
  readonly crossEntropy: number;
  readonly confusion: Confusion;
  /** Of each class against all others, by label; none of more than 100 classes. */
  readonly prCurves: readonly PrCurve[];
}

/** Thresholds of the precision–recall curves, 0 to 1: TensorBoard's own number. */
const numThresholds = 201;
/** With more classes TensorBoard's PR Curves tab would not be usable. */
const maxCurves = 100;
/** Probabilities of float32 round to 0: below this the logarithm is not that of the network. */
const smallestProbability = 1e-37;

/** How far to go. */
export interface EvaluateOptions {
  /** Batches after which it is enough; all by default. */
  readonly maxBatches?: number | undefined;
  /** Of the frozen part of the network, where it is not to run every time: the session has `predict_head` then. */
  readonly features?: FrozenFeatures | undefined;
  /** Ends the evaluation after the current batch. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Classifies items, each once; the last batch is as small as it is.
 *
 * @param session   with the variables assigned and a `predict` signature
 * @param pipeline  not training: items in source order
 * @throws the signal's reason, when it is aborted meanwhile
 */
export async function evaluate(
  session: Session,
  { classNames }: Dataset,
  pipeline: BatchPipeline,
  { maxBatches = Number.POSITIVE_INFINITY, features, signal }: EvaluateOptions = {},
): Promise<Evaluation> {
  const classes = classNames.length;
  const confusion = new Confusion(classes);
  const curves = Array.from(
    { length: classes <= maxCurves ? classes : 0 },
    () => new CurveCounter(),
  );
  let items = 0;
  let correct = 0;
  let amongFive = 0;
  let lossSum = 0;
  let notFinite = 0;
  let done = 0;
  const isNeeded = features && ((itemIndex: number) => !features.has(itemIndex));
  for await (const batch of pipeline.epoch(0, 0, isNeeded)) {
    signal?.throwIfAborted();
    const { labels } = batch;
    const outputs = features
      ? await session.run('predict_head', { features: await features.of(batch) })
      : await session.run('predict', batch.feeds);
    const { data } = outputs['probabilities']!;
    labels.forEach((label, row) => {
      const probabilities = data.subarray(row * classes, (row + 1) * classes);
      // A softmax makes all of a row NaN, or none.
      const isGiven = Number.isFinite(probabilities[label]!);
      if (!isGiven) notFinite++;
      const rank = isGiven ? rankOf(probabilities, label) : classes;
      if (rank === 0) correct++;
      if (rank < 5) amongFive++;
      const probability = isGiven ? probabilities[label]! : 0;
      lossSum -= Math.log(Math.max(smallestProbability, probability));
      confusion.add(label, rank === 0 ? label : argMax(probabilities));
      curves.forEach((curve, k) => {
        curve.add(isGiven ? probabilities[k]! : 0, k === label);
      });
    });
    items += labels.length;
    if (++done >= maxBatches) break;
  }
  return {
    classNames,
    items,
    notFinite,
    accuracy: correct / items,
    recallAt5: amongFive / items,
    crossEntropy: lossSum / items,
    confusion,
    prCurves: curves.map((curve) => curve.curve()),
  };
}

/** Counts the probabilities of one class by threshold. */
class CurveCounter {
  readonly #positives = new Float64Array(numThresholds);
  readonly #negatives = new Float64Array(numThresholds);

  add(probability: number, isPositive: boolean): void {
    const threshold = Math.floor(probability * (numThresholds - 1));
    const counts = isPositive ? this.#positives : this.#negatives;
    counts[threshold]!++;
  }

  curve(): PrCurve {
    const atLeast = (counts: Float64Array) => {
      const sums = counts.slice();
      for (let j = numThresholds - 2; j >= 0; j--) sums[j]! += sums[j + 1]!;
      return sums;
    };
    return { truePositives: atLeast(this.#positives), falsePositives: atLeast(this.#negatives) };
  }
}

/** Number of classes that come before `label`: more probable, or as probable with a lower index. */
function rankOf(probabilities: ArrayLike<number>, label: number): number {
  const own = probabilities[label]!;
  let rank = 0;
  for (let k = 0; k < probabilities.length; k++) {
    if (probabilities[k]! > own || (probabilities[k] === own && k < label)) rank++;
  }
  return rank;
}
