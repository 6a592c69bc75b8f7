/** What several workers' parts of a step are together: as if one process had done the step with all their items. */
import type { HostTensor } from '../engines/engine.ts';
import type { BatchItems } from '../preprocessing/batchPipeline.ts';
import type { StepOutcome } from './stepOutcome.ts';

/** A worker's part of a step. */
export interface StepPart extends BatchItems {
  /** Rows that were monitored, ascending; undefined without monitored layers. */
  readonly rows: Int32Array | undefined;
  readonly outcome: StepOutcome;
}

/** A step of all workers, by what became of their parts. */
export interface JointStep {
  /** What the variables were changed with; null for nothing. */
  readonly applied: StepPart | null;
  /** What has changed nothing, since it was not finite, or less: the parts whose loss is none; null for nothing. */
  readonly leftOut: StepPart | null;
}

/**
 * Joins the parts of a step, as `joinParts` does.
 *
 * @param isTogether  whether the workers update together: then one part that is not finite keeps all from it
 */
export function jointStep(parts: readonly StepPart[], isTogether: boolean): JointStep {
  const finite = parts.filter(({ outcome }) => outcome.isFinite);
  if (finite.length === parts.length) return { applied: joinParts(parts), leftOut: null };
  const applied = isTogether ? [] : finite;
  const leftOut = parts.filter((part) => !applied.includes(part));
  const blamed = leftOut.filter(({ outcome }) => !Number.isFinite(outcome.loss));
  return {
    applied: applied.length === 0 ? null : joinParts(applied),
    leftOut: joinParts(blamed.length === 0 ? leftOut : blamed),
  };
}

type Data = HostTensor['data'];

/** Arrays of one type, one behind the other. */
function joined<T extends Float32Array | Int32Array | Uint32Array>(arrays: readonly T[]): T {
  const length = arrays.reduce((sum, array) => sum + array.length, 0);
  const all = new (arrays[0]!.constructor as new (length: number) => T)(length);
  let next = 0;
  for (const array of arrays) {
    all.set(array, next);
    next += array.length;
  }
  return all;
}

/** Scores as `itemScores` packs them: all items' first, then all their second, …. */
function joinedScores(parts: readonly { readonly scores: Data; readonly count: number }[]): Data {
  const scores = parts[0]!.scores.length / parts[0]!.count;
  return joined(
    Array.from({ length: scores }, (_, score) =>
      parts.map(({ scores, count }) => scores.subarray(score * count, (score + 1) * count)),
    ).flat(),
  );
}

/**
 * Joins the parts of a step.
 *
 * @param parts  of workers, in the order of their items in the joint batch; the first one's statistics of layers are
 *               the whole's, which the chief alone has
 */
export function joinParts(parts: readonly StepPart[]): StepPart {
  const [first] = parts;
  if (parts.length === 1) return first!;
  const counts = parts.map(({ labels }) => labels.length);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const firsts = counts.map((_, i) => counts.slice(0, i).reduce((sum, count) => sum + count, 0));
  const outcomes = parts.map(({ outcome }) => outcome);
  const meanOf = (value: (outcome: StepOutcome) => number) =>
    outcomes.reduce((sum, outcome, i) => sum + (value(outcome) * counts[i]!) / total, 0);
  const selections = outcomes.flatMap(({ selection }) => selection ?? []);
  return {
    itemIndices: joined(parts.map(({ itemIndices }) => itemIndices)),
    labels: joined(parts.map(({ labels }) => labels)),
    rows:
      parts[0]!.rows && joined(parts.map(({ rows }, i) => rows!.map((row) => row + firsts[i]!))),
    outcome: {
      isFinite: outcomes.every((outcome) => outcome.isFinite),
      loss: meanOf(({ loss }) => loss),
      crossEntropy: meanOf(({ crossEntropy }) => crossEntropy),
      output: joined(outcomes.map(({ output }) => output)),
      outputProbability: joined(outcomes.map(({ outputProbability }) => outputProbability)),
      selection:
        selections.length === 0
          ? null
          : {
              scores: joinedScores(
                selections.map(({ scores }, i) => ({ scores, count: counts[i]! })),
              ),
              probabilities: joined(selections.map(({ probabilities }) => probabilities)),
            },
      monitored: outcomes.flatMap(({ monitored }) => monitored),
      statistics: outcomes[0]!.statistics,
    },
  };
}
