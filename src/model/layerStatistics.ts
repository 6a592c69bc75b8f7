/** What some steps report of the layers in them: TF-Slim's histograms and sparsity. */
import type { HostTensor } from '../engines/engine.ts';
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
export const histogramBins = 30;
/** Begin the names of outputs; the tag follows. */
const histogramPrefix = 'histogram:';
const scalarPrefix = 'scalar:';

/**
 * Adds what TF-Slim summarises of a step: the distribution of each end point's values
 * (activations/END_POINT), the share of zeros in them (sparsity/END_POINT), and parts of the loss.
 * Counted where the values are: the layers of a large network would take long to fetch.
 *
 * @param losses  float32 [] by their tags; null for parts that the loss does not have
 * @returns  outputs for a signature, which `readLayerStatistics` understands
 */
export function addLayerStatistics(
  graph: Graph,
  endPoints: ReadonlyMap<string, Tensor>,
  losses: Readonly<Record<string, Tensor | null>>,
): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = {};
  for (const [tag, loss] of Object.entries(losses)) {
    if (loss !== null) outputs[`${scalarPrefix}${tag}`] = loss;
  }
  graph.withRootScope('summaries', () => {
    const zero = constant(graph, 'float32', 0);
    for (const [name, layer] of endPoints) {
      graph.withScope(name, () => {
        const key = `${histogramPrefix}activations/${name}`;
        const endPoint = cast(layer, 'float32');
        // The op refuses what is no number; a training that diverges is to be reported by its loss.
        const values = where(isFiniteNumber(endPoint), endPoint, zero);
        const low = min(values);
        const high = max(values);
        // It also wants a range that is not empty; that of equal values is not looked at.
        const isEmpty = cast(equal(low, high), 'float32');
        const end = add(high, mul(isEmpty, add(abs(high), 1)));
        const range = concat([reshape(low, [1]), reshape(end, [1])], 0);
        outputs[`${key}:counts`] = histogramFixedWidth(values, range, histogramBins);
        outputs[`${key}:low`] = low;
        outputs[`${key}:high`] = high;
        const isZero = cast(equal(endPoint, zero), 'float32');
        outputs[`${scalarPrefix}sparsity/${name}`] = mean(isZero);
      });
    }
  });
  return outputs;
}

/** What some steps report of a layer, or of themselves: a number or a distribution. */
export type LayerStatistic = LayerScalar | LayerHistogram;

/** Tag and value, such as `sparsity/conv1` and the share of zeros. */
interface LayerScalar {
  readonly tag: string;
  readonly value: number;
}

/** The distribution of a layer's values, such as `activations/conv1`. */
interface LayerHistogram {
  readonly tag: string;
  /** Values in each bin; the bins are equally wide. */
  readonly counts: HostTensor['data'];
  /** Lower end of the first bin and upper end of the last. */
  readonly low: number;
  readonly high: number;
}

/** The statistics in the outputs of a step that `addLayerStatistics` added some to; else none. */
export function readLayerStatistics(
  outputs: Readonly<Record<string, HostTensor>>,
): LayerStatistic[] {
  // Most steps have none, and pay for no more than a look at the names.
  const keys = Object.keys(outputs).filter(
    (key) =>
      key.startsWith(scalarPrefix) || (key.startsWith(histogramPrefix) && key.endsWith(':counts')),
  );
  return keys.map((key): LayerStatistic => {
    const { data } = outputs[key]!;
    if (key.startsWith(scalarPrefix)) {
      return { tag: key.slice(scalarPrefix.length), value: data[0]! };
    }
    const name = key.slice(0, -':counts'.length);
    const [low, high] = [outputs[`${name}:low`]!.data[0]!, outputs[`${name}:high`]!.data[0]!];
    return { tag: name.slice(histogramPrefix.length), counts: data, low, high };
  });
}
