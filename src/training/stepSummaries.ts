/** What a step, the layers in it and the weights after it look like in TensorBoard. */
import type { HostTensor } from '../engines/engine.ts';
import { histogramSummary, type SummaryValue, scalarSummary } from '../events/summaries.ts';
import { histogramBins, type LayerStatistic } from '../model/layerStatistics.ts';
import type { StepOutcome } from '../model/stepOutcome.ts';

/**
 * TF-Slim's scalars of a step.
 *
 * @param labels        of the batch, [n]
 * @param learningRate  that the step was done with
 * @param stepsPerSecond  undefined where it is not known
 */
export function stepSummaries(
  { loss, crossEntropy, output }: StepOutcome,
  labels: Int32Array,
  learningRate: number,
  stepsPerSecond: number | undefined,
): SummaryValue[] {
  return [
    scalarSummary('losses/softmax_cross_entropy_loss/value', crossEntropy),
    scalarSummary('total_loss', loss),
    scalarSummary('learning_rate', learningRate),
    scalarSummary('accuracy', accuracyOf(labels, output)),
    ...(stepsPerSecond === undefined ? [] : [scalarSummary('global_step/sec', stepsPerSecond)]),
  ];
}

/** Share of the batch that the network got right, 0..1. */
function accuracyOf(labels: Int32Array, output: ArrayLike<number>): number {
  let correct = 0;
  labels.forEach((label, row) => {
    if (output[row] === label) correct++;
  });
  return correct / labels.length;
}

/** What a step reports of its layers. */
export function layerSummaries(statistics: readonly LayerStatistic[]): SummaryValue[] {
  return statistics.map((statistic) =>
    'value' in statistic
      ? scalarSummary(statistic.tag, statistic.value)
      : histogramSummary(statistic.tag, statistic.counts, statistic.low, statistic.high),
  );
}

/** The smallest and the largest finite value; Infinity and −Infinity where there is none. */
function rangeOf(data: HostTensor['data']): [low: number, high: number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  // By index: millions of values take several times as long with an iterator.
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (value < low && value > Number.NEGATIVE_INFINITY) low = value;
    if (value > high && value < Number.POSITIVE_INFINITY) high = value;
  }
  return [low, high];
}

/** How many values are in each of so many bins of one width, the last one closed. */
function countsIn(data: HostTensor['data'], low: number, high: number, bins: number): Int32Array {
  const counts = new Int32Array(bins + 1);
  const width = (high - low) / bins || 1;
  for (let i = 0; i < data.length; i++) {
    const bin = (data[i]! - low) / width;
    if (bin >= 0 && bin < bins + 1) counts[bin | 0]!++;
  }
  // The largest values come to lie behind the last bin.
  counts[bins - 1]! += counts[bins]!;
  return counts.subarray(0, bins);
}

/**
 * The distribution of each variable's values, those that are no numbers left out. The tags begin
 * with `variables/`: a section of the network's own name, LeNet, would come before those of the views.
 *
 * @param values  by name, as the signature 'read' returns them
 * @param names   of the variables to summarise
 */
export function variableSummaries(
  values: Readonly<Record<string, HostTensor>>,
  names: readonly string[],
): SummaryValue[] {
  return names.map((name) => {
    const { data } = values[name]!;
    const [low, high] = rangeOf(data);
    const tag = `variables/${name}`;
    if (low > high) return histogramSummary(tag, [0], 0, 0);
    return histogramSummary(tag, countsIn(data, low, high, histogramBins), low, high);
  });
}
