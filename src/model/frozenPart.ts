/**
 * The part of a network that training leaves as it is. What it gives of an item that comes unchanged is always the
 * same: its features. Fed with them, a step costs no more than what lies behind.
 */
import type { Signature, Signatures } from '../engines/engine.ts';
import type { Graph, Tensor, Variable } from '../graph/graph.ts';
import { gather } from '../graph/ops/array.ts';
import { nodesBefore, nodesBehind, tensorsBefore } from '../graph/walk.ts';
import { usesBatchStatistics } from '../insitu/itemSums.ts';

/** All that depends on some tensors, these included. */
function dependents(graph: Graph, starts: Iterable<Tensor>): ReadonlySet<Tensor> {
  const found = new Set(starts);
  for (const { outputs } of nodesBehind(graph, found))
    for (const output of outputs) found.add(output);
  return found;
}

/** Whether a tensor depends on others by another way than through one. */
function bypasses(end: Tensor, from: ReadonlySet<Tensor>, through: Tensor): boolean {
  const needed = nodesBefore([end], new Set([through]));
  return [...from].some(({ node }) => needed.has(node));
}

/** What the frozen part of a network is found by. */
export interface FrozenPartOptions {
  /** What all is for: the loss, or what a network gives. */
  readonly end: Tensor;
  /** The placeholders of the items. */
  readonly items: readonly Tensor[];
  /** What is not the same in every step, beside the items: dropout's seed. */
  readonly drawn: readonly Tensor[];
  /** Those that a step changes. */
  readonly changed: readonly Variable[];
}

/**
 * The last tensor [n, …] that all goes through on the way from the items to the end, and that no training changes:
 * behind some layer, and before all that is trained, drawn or made of the batch as a whole.
 *
 * @returns  null when there is none, as where all layers are trained
 */
export function findFeatures({ end, items, drawn, changed }: FrozenPartOptions): Tensor | null {
  const { graph } = end;
  const ofItems = dependents(graph, items);
  const mixed = graph.nodes.filter(usesBatchStatistics).flatMap(({ outputs }) => outputs);
  const changing = dependents(graph, [...drawn, ...mixed, ...changed.map(({ value }) => value)]);
  const ofVariables = dependents(
    graph,
    [...graph.variables.values()].map(({ value }) => value),
  );
  const candidates = [...tensorsBefore(end)].filter(
    (tensor) =>
      tensor.dtype === 'float32' &&
      tensor.shape[0] === -1 &&
      tensor.shape.slice(1).every((size) => size > 0) &&
      ofItems.has(tensor) &&
      ofVariables.has(tensor) &&
      !changing.has(tensor),
  );
  const positions = new Map(graph.nodes.map((node, position) => [node, position]));
  candidates.sort((a, b) => positions.get(b.node)! - positions.get(a.node)!);
  const from = new Set(items);
  return candidates.find((tensor) => !bypasses(end, from, tensor)) ?? null;
}

/** What the entry points of the frozen part are made of. */
export interface HeadParts {
  readonly features: Tensor;
  /** dL/dfeatures */
  readonly gradient: Tensor;
  /** The placeholders of the items, by name. */
  readonly items: Readonly<Record<string, Tensor>>;
  /** int32 [m] */
  readonly monitorRows: Tensor;
  /** Inputs and outputs of `train`, without the items. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** What `train_with_summaries` outputs besides. */
  readonly summaries: Readonly<Record<string, Tensor>>;
  /** Hm. */
  readonly monitoredLayers: readonly string[];
}

/**
 * The entry points that divide `train` at the features:
 *
 * - `features`    feeds items; outputs features [n, …]
 * - `train_head`  as `train`, fed with features in place of items. Where it outputs feature_gradients [m, …],
 *                 it lacks the monitored layers before the features
 * - `train_head_with_summaries`  the same with the statistics of the layers that it has
 * - `monitor`     feeds the m monitored items as if they were the batch, all labels of the batch, monitor_rows
 *                 0..m−1 and feature_gradients; outputs of the monitored rows what `train_head` lacks
 *
 * @returns  null when something is asked of all items that lies before the features
 */
export function headSignatures(parts: HeadParts): Signatures | null {
  const { features, gradient, items, inputs, monitorRows } = parts;
  const placeholders = new Set(Object.values(items));
  const needsItems = ([, tensor]: [string, Tensor]) => bypasses(tensor, placeholders, features);
  const before = Object.entries(parts.outputs).filter(needsItems);
  const isOfLayer = ([name]: [string, Tensor]) =>
    parts.monitoredLayers.some((layer) => name.startsWith(`${layer}/`));
  if (!before.every((entry) => isOfLayer(entry) || entry[0] === 'monitored_input')) return null;
  const without = (outputs: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(Object.entries(outputs).filter((entry) => !needsItems(entry)));
  // What is monitored before the features needs what comes back to them.
  const gradients: Record<string, Tensor> = before.some(isOfLayer)
    ? { feature_gradients: gradient }
    : {};
  const headInputs = { features, ...inputs };
  const headOutputs = {
    ...without(parts.outputs),
    ...Object.fromEntries(
      Object.entries(gradients).map(([name, tensor]) => [
        name,
        gather(tensor, monitorRows, { name }),
      ]),
    ),
  };
  const monitor = {
    inputs: {
      ...items,
      ...gradients,
      labels: inputs['labels']!,
      monitor_rows: monitorRows,
    },
    outputs: Object.fromEntries(before),
  };
  return {
    features: { inputs: items, outputs: { features } },
    train_head: { inputs: headInputs, outputs: headOutputs },
    train_head_with_summaries: {
      inputs: headInputs,
      outputs: { ...headOutputs, ...without(parts.summaries) },
    },
    ...(before.length > 0 ? { monitor } : {}),
  };
}

/**
 * Adds to `predict` what it is in two: `predict_features` from items to features, `predict_head` from there on.
 *
 * @param signatures  with `predict`
 * @param changed     variables that training changes
 * @returns  also the features; null where nothing stays as it is
 */
export function dividedPrediction<T extends { readonly predict: Signature }>(
  signatures: T,
  changed: readonly Variable[],
): { readonly features: Tensor | null; readonly signatures: T & Signatures } {
  const { inputs, outputs } = signatures.predict;
  const items = Object.values(inputs);
  const features = findFeatures({ end: outputs['probabilities']!, items, drawn: [], changed });
  if (features === null) return { features, signatures };
  return {
    features,
    signatures: {
      ...signatures,
      predict_features: { inputs, outputs: { features } },
      predict_head: { inputs: { features }, outputs },
    },
  };
}
