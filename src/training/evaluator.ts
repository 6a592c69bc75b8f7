/** Runs a network over a split and counts how often it is right. */
import type { Dataset } from '../../datasets/dataset.ts';
import type { Session } from '../engines/engine.ts';
import { type SummaryValue, scalarSummary } from '../events/summaries.ts';
import type { BatchPipeline } from '../preprocessing/batchPipeline.ts';

/** What a network achieves on a split. */
export interface Evaluation {
  /** Items that were classified. */
  readonly items: number;
  /** Share whose most probable class is the label, 0..1. */
  readonly accuracy: number;
  /** Share whose label is among the five most probable classes, 0..1. */
  readonly recallAt5: number;
  /** Counts by label (row) and output (column), [classes, classes]. */
  readonly confusion: readonly (readonly number[])[];
}

/**
 * Classifies every item once; the last batch is as small as it is.
 *
 * @param session   with the variables assigned and a `predict` signature
 * @param pipeline  not training: items in source order
 */
export async function evaluate(
  session: Session,
  dataset: Dataset,
  pipeline: BatchPipeline,
): Promise<Evaluation> {
  const classes = dataset.classNames.length;
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  let items = 0;
  let correct = 0;
  let amongFive = 0;
  for await (const { images, labels } of pipeline.epoch(0)) {
    const { data } = session.run('predict', { images })['probabilities']!;
    labels.forEach((label, row) => {
      const probabilities = data.subarray(row * classes, (row + 1) * classes);
      const rank = rankOf(probabilities, label);
      if (rank === 0) correct++;
      if (rank < 5) amongFive++;
      confusion[label]![rank === 0 ? label : argMax(probabilities)]!++;
    });
    items += labels.length;
  }
  return { items, accuracy: correct / items, recallAt5: amongFive / items, confusion };
}

/** An evaluation as summaries, tagged as TF-Slim tags them. */
export function evaluationSummaries({ accuracy, recallAt5 }: Evaluation): SummaryValue[] {
  return [scalarSummary('eval/Accuracy', accuracy), scalarSummary('eval/Recall_5', recallAt5)];
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

function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k]! > values[best]!) best = k;
  return best;
}
