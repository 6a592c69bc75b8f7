/** What some steps report of the layers and weights in them: TF-Slim's histograms and sparsity. */
import type { HostTensor } from '../engines/engine.ts';
import { histogramSummary, type SummaryValue, scalarSummary } from '../events/summaries.ts';
import type { Graph, Tensor } from '../graph/graph.ts';
import { cast, concat, constant, reshape } from '../graph/ops/array.ts';
import {
  abs,
  add,
  equal,
  histogramFixedWidth,
  isFiniteNumber,
  max,
  mean,
  min,
  mul,
  where,
} from '../graph/ops/math.ts';

/** Bins of a histogram, as TensorBoard's own summaries have them. */
const bins = 30;
/** Begin the names of outputs; the tag follows. */
const histogramPrefix = 'histogram:';
const scalarPrefix = 'scalar:';

/**
 * Adds what TF-Slim summarises of a step: the distribution of each end point's values
 * (activations/END_POINT), the share of zeros in them (sparsity/END_POINT), and the regularisation
 * loss. Counted where the values are: the layers of a large network would take long to fetch.
 *
 * @param regularization  float32 [], or null when nothing is regularised
 * @returns  outputs for a signature, which `readStepSummaries` understands
 */
export function addStepSummaries(
  graph: Graph,
  endPoints: ReadonlyMap<string, Tensor>,
  regularization: Tensor | null,
): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = {};
  if (regularization !== null) outputs[`${scalarPrefix}regularization_loss`] = regularization;
  graph.withRootScope('summaries', () => {
    const zero = constant(graph, 'float32', 0);
    for (const [name, endPoint] of endPoints) {
      graph.withScope(name, () => {
        const key = `${histogramPrefix}activations/${name}`;
        // The op refuses what is no number; a training that diverges is to be reported by its loss.
        const values = where(isFiniteNumber(endPoint), endPoint, zero);
        const low = min(values);
        const high = max(values);
        // It also wants a range that is not empty; that of equal values is not looked at.
        const isEmpty = cast(equal(low, high), 'float32');
        const end = add(high, mul(isEmpty, add(abs(high), 1)));
        const range = concat([reshape(low, [1]), reshape(end, [1])], 0);
        outputs[`${key}:counts`] = histogramFixedWidth(values, range, bins);
        outputs[`${key}:low`] = low;
        outputs[`${key}:high`] = high;
        const isZero = cast(equal(endPoint, zero), 'float32');
        outputs[`${scalarPrefix}sparsity/${name}`] = mean(isZero);
      });
    }
  });
  return outputs;
}

/** The summaries in the outputs of a step that `addStepSummaries` added some to. */
export function readStepSummaries(outputs: Readonly<Record<string, HostTensor>>): SummaryValue[] {
  const summaries: SummaryValue[] = [];
  for (const [key, { data }] of Object.entries(outputs)) {
    if (key.startsWith(scalarPrefix)) {
      summaries.push(scalarSummary(key.slice(scalarPrefix.length), data[0]!));
    } else if (key.startsWith(histogramPrefix) && key.endsWith(':counts')) {
      const name = key.slice(0, -':counts'.length);
      const [low, high] = [outputs[`${name}:low`]!.data[0]!, outputs[`${name}:high`]!.data[0]!];
      summaries.push(histogramSummary(name.slice(histogramPrefix.length), data, low, high));
    }
  }
  return summaries;
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
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const value of data) {
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const tag = `variables/${name}`;
    if (low > high) return histogramSummary(tag, [0], 0, 0);
    const counts = new Float64Array(bins);
    const width = (high - low) / bins || 1;
    for (const value of data) {
      if (!Number.isFinite(value)) continue;
      const bin = Math.min(Math.floor((value - low) / width), bins - 1);
      counts[bin] = counts[bin]! + 1;
    }
    return histogramSummary(tag, counts, low, high);
  });
}
