/** Summary values in the form that stock TensorBoard reads (its "v2" summaries). */
import type { SummaryMetadata, TensorProto } from '../messages.ts';
import { messageType } from '../protos.ts';

/** A Summary.Value message of event.proto. */
export interface SummaryValue {
  /** `section/name`; unique in its run over all kinds of summaries. */
  readonly tag: string;
  readonly tensor: TensorProto;
  readonly metadata: SummaryMetadata;
}

/** Markdown that TensorBoard shows behind the tag. */
export interface SummaryOptions {
  readonly description?: string;
}

function metadata(
  plugin: string,
  dataClass: SummaryMetadata['data_class'] & string,
  { description = '' }: SummaryOptions,
): SummaryMetadata {
  return {
    plugin_data: { plugin_name: plugin },
    summary_description: description,
    data_class: dataClass,
  };
}

/** One number. TensorBoard takes float32 of rank 0 alone. */
export function scalarSummary(
  tag: string,
  value: number,
  options: SummaryOptions = {},
): SummaryValue {
  return {
    tag,
    tensor: { dtype: 'DT_FLOAT', tensor_shape: {}, float_val: [value] },
    metadata: metadata('scalars', 'DATA_CLASS_SCALAR', options),
  };
}

/**
 * How many values lie where, for the Histograms and Distributions tabs.
 *
 * @param counts  of values in bins of one width from `low` to `high`, the last one closed
 * @param low     smallest value
 * @param high    largest value; equal to `low` when all values are one
 */
export function histogramSummary(
  tag: string,
  counts: ArrayLike<number>,
  low: number,
  high: number,
  options: SummaryOptions = {},
): SummaryValue {
  const bins = Array.from(counts);
  const width = (high - low) / bins.length;
  const end = (i: number) => (i === bins.length ? high : low + i * width);
  // As TensorBoard's own summaries have it, equal values fill one bin of width 1.
  const rows =
    low === high
      ? [[low - 0.5, low + 0.5, bins.reduce((a, b) => a + b, 0)]]
      : bins.map((count, i) => [end(i), end(i + 1), count]);
  return {
    tag,
    tensor: {
      dtype: 'DT_DOUBLE',
      tensor_shape: { dim: [{ size: rows.length }, { size: 3 }] },
      tensor_content: new Uint8Array(Float64Array.from(rows.flat()).buffer),
    },
    metadata: metadata('histograms', 'DATA_CLASS_TENSOR', options),
  };
}

/** Width and height of a PNG file, from its first chunk (PNG specification, 11.2.2). */
function pngSize(png: Uint8Array): { width: number; height: number } {
  const header = new DataView(png.buffer, png.byteOffset, png.byteLength);
  return { width: header.getUint32(16), height: header.getUint32(20) };
}

/**
 * Pictures, each a card of its own.
 *
 * @param pngs  PNG files of one size
 */
export function imageSummary(
  tag: string,
  pngs: readonly Uint8Array[],
  options: SummaryOptions = {},
): SummaryValue {
  const { width, height } = pngSize(pngs[0]!);
  return {
    tag,
    tensor: {
      dtype: 'DT_STRING',
      tensor_shape: { dim: [{ size: 2 + pngs.length }] },
      string_val: [Buffer.from(String(width)), Buffer.from(String(height)), ...pngs],
    },
    metadata: metadata('images', 'DATA_CLASS_BLOB_SEQUENCE', options),
  };
}

/** Markdown text, tables too. */
export function textSummary(
  tag: string,
  markdown: string,
  options: SummaryOptions = {},
): SummaryValue {
  return {
    tag,
    tensor: { dtype: 'DT_STRING', tensor_shape: {}, string_val: [Buffer.from(markdown)] },
    metadata: metadata('text', 'DATA_CLASS_TENSOR', options),
  };
}

/** A precision–recall curve in counts of items, by thresholds that rise evenly from 0 to 1. */
export interface PrCurve {
  /** Items of the class whose probability is at least the threshold. */
  readonly truePositives: ArrayLike<number>;
  /** Items of other classes whose probability for the class is. */
  readonly falsePositives: ArrayLike<number>;
}

const prCurveDataType = messageType('pr_curve.proto', 'PrCurvePluginData');

/** A curve of the PR Curves tab; the counts at threshold 0 are those of all items. */
export function prCurveSummary(
  tag: string,
  { truePositives, falsePositives }: PrCurve,
  options: SummaryOptions = {},
): SummaryValue {
  const thresholds = truePositives.length;
  const positives = truePositives[0]!;
  const negatives = falsePositives[0]!;
  // TensorBoard divides by at least this.
  const share = (part: number, whole: number) => part / Math.max(1e-7, whole);
  const columns = Array.from({ length: thresholds }, (_, j) => {
    const tp = truePositives[j]!;
    const fp = falsePositives[j]!;
    const fn = positives - tp;
    return [tp, fp, negatives - fp, fn, share(tp, tp + fp), share(tp, tp + fn)];
  });
  const base = metadata('pr_curves', 'DATA_CLASS_TENSOR', options);
  const content = prCurveDataType.encode({ num_thresholds: thresholds });
  return {
    tag,
    tensor: {
      dtype: 'DT_FLOAT',
      tensor_shape: { dim: [{ size: 6 }, { size: thresholds }] },
      float_val: [0, 1, 2, 3, 4, 5].flatMap((row) => columns.map((column) => column[row]!)),
    },
    metadata: { ...base, plugin_data: { plugin_name: 'pr_curves', content } },
  };
}
