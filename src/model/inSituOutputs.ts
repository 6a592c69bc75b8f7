/** The in situ part of the training graph: what a step says of its items and monitored rows. */
import { UsageError } from '../errors.ts';
import type { Tensor } from '../graph/graph.ts';
import { gather, identity } from '../graph/ops/array.ts';
import { argMax, max } from '../graph/ops/math.ts';
import { softmax } from '../graph/ops/nn.ts';
import { itemScores } from '../insitu/itemScores.ts';
import { monitoredContributions, type TappedLayer } from '../insitu/lossContribution.ts';

/** What the in situ part is made of: f and b of each layer, both of which the step has anyway. */
export interface InSituParts {
  /** The items as the network takes them, [n, …] */
  readonly input: Tensor;
  /** [n, classes] */
  readonly logits: Tensor;
  /** int32 [n] */
  readonly labels: Tensor;
  /** Items of the whole batch, of which these may be a part, float32 [] */
  readonly batchSize: Tensor;
  /** f of all layers by their names. */
  readonly endPoints: ReadonlyMap<string, Tensor>;
  /** b = dL/df for f of Hs and Hm; null where the loss does not depend on it. */
  readonly derivatives: ReadonlyMap<Tensor, Tensor | null>;
  /** Hs; null to select nothing. */
  readonly selectionLayer: string | null;
  /** Hm in network order. */
  readonly monitoredLayers: readonly string[];
  /** int32 [m] */
  readonly monitorRows: Tensor;
}

/** What a step outputs of its items. */
export interface InSituOutputs {
  /** Of every item of the batch: what the network makes of it and, with a selection layer, its scores. */
  readonly ofItems: Readonly<Record<string, Tensor>>;
  /** With monitored layers: of the rows that are fed. */
  readonly ofRows: Readonly<Record<string, Tensor>>;
  /** The same of all rows of the batch. */
  readonly ofAllRows: Readonly<Record<string, Tensor>>;
}

/**
 * Adds the answers and scores of all items and the contributions of the monitored rows to the graph.
 *
 * @returns  outputs of the entry points, as `buildTrainingGraph` names them
 * @throws UsageError  for a layer that the loss does not depend on
 */
export function addInSituOutputs(parts: InSituParts): InSituOutputs {
  const { input, logits, selectionLayer, monitoredLayers, monitorRows } = parts;
  const { graph } = logits;
  const { probabilities, ...answers } = graph.withRootScope('outputs', () => {
    const probabilities = softmax(logits);
    return {
      probabilities,
      output: argMax(logits, { name: 'output' }),
      output_probability: max(probabilities, [1], { name: 'output_probability' }),
    };
  });
  return graph.withRootScope('in_situ', () => {
    const selecting = selectionLayer === null ? null : tappedLayer(parts, selectionLayer, '--hs');
    const monitored = monitoredLayers.map((name) => tappedLayer(parts, name, '--hm'));
    const inputOf = (rows: Tensor | null) =>
      rows === null ? identity(input) : gather(input, rows, { name: 'monitored_input' });
    const outputsOf = (rows: Tensor | null): Record<string, Tensor> =>
      monitored.length === 0
        ? {}
        : { ...monitoredOutputs(monitored, rows), monitored_input: inputOf(rows) };
    return {
      ofItems: { ...answers, ...scoresOfItems(parts, probabilities, selecting) },
      ofRows: outputsOf(monitorRows),
      ofAllRows: graph.withScope('all_rows', () => outputsOf(null)),
    };
  });
}

function scoresOfItems(
  { logits, labels }: InSituParts,
  probabilities: Tensor,
  layer: TappedLayer | null,
): Record<string, Tensor> {
  if (layer === null) return {};
  const scores = logits.graph.withScope('scores', () =>
    itemScores(logits, probabilities, labels, layer.activation === logits ? null : layer),
  );
  return { probabilities, scores };
}

/**
 * Adds the contributions of some rows at some layers to the graph.
 *
 * @param rows  int32 [m], or null for all rows of the batch
 * @returns     for each layer LAYER/contribution [m] and either LAYER/C and LAYER/R [m, h, w] or
 *              [m, time], or LAYER/channels [m, units]; in nats
 */
export function monitoredOutputs(
  layers: readonly TappedLayer[],
  rows: Tensor | null,
): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = {};
  for (const layer of layers) {
    const { name } = layer;
    const { contribution, maps, channels } = layer.activation.graph.withScope(name, () =>
      monitoredContributions(layer, rows),
    );
    outputs[`${name}/contribution`] = contribution;
    if (maps !== undefined) {
      outputs[`${name}/C`] = maps.contributionMap;
      outputs[`${name}/R`] = maps.reductionMap;
    }
    if (channels !== undefined) outputs[`${name}/channels`] = channels;
  }
  return outputs;
}

/** f and b of a layer. @throws UsageError  when the loss does not depend on it */
function tappedLayer(
  { endPoints, derivatives, batchSize }: InSituParts,
  name: string,
  flag: string,
): TappedLayer {
  const activation = endPoints.get(name)!;
  const gradient = derivatives.get(activation);
  if (!gradient) {
    throw new UsageError(
      `${flag}: the loss does not depend on "${name}"; expected a layer on the way from the image to the logits.`,
    );
  }
  return { name, activation, gradient, batchSize };
}
