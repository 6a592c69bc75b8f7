/** The in situ part of the training graph: what a step says of its items and monitored rows. */
import { UsageError } from '../errors.ts';
import type { Tensor } from '../graph/graph.ts';
import { cast, reshape, shapeOf, slice } from '../graph/ops/array.ts';
import { itemScores } from '../insitu/itemScores.ts';
import { monitoredContributions, type TappedLayer } from '../insitu/lossContribution.ts';

/** What the in situ part is made of: f and b of each layer, both of which the step has anyway. */
export interface InSituParts {
  /** [n, classes] */
  readonly logits: Tensor;
  readonly probabilities: Tensor;
  /** int32 [n] */
  readonly labels: Tensor;
  /** f of Hs and Hm by layer. */
  readonly tapped: ReadonlyMap<string, Tensor>;
  /** b = dL/df by layer; undefined where the loss does not depend on it. */
  readonly gradients: ReadonlyMap<string, Tensor | null | undefined>;
  /** Hs; null to select nothing. */
  readonly selectionLayer: string | null;
  /** Hm in network order. */
  readonly monitoredLayers: readonly string[];
  /** int32 [m] */
  readonly monitorRows: Tensor;
}

/** The outputs that the in situ part adds to a step. */
export interface InSituOutputs {
  /** With a selection layer: of every item of the batch. */
  readonly ofItems: Readonly<Record<string, Tensor>>;
  /** For each monitored layer: of the rows that are fed. */
  readonly ofRows: Readonly<Record<string, Tensor>>;
  /** The same of all rows of the batch. */
  readonly ofAllRows: Readonly<Record<string, Tensor>>;
}

/**
 * Adds the scores of all items and the contributions of the monitored rows to the graph.
 *
 * @returns  outputs of the entry points, as `buildTrainingGraph` names them
 * @throws UsageError  for a layer that the loss does not depend on
 */
export function addInSituOutputs(parts: InSituParts): InSituOutputs {
  const { graph } = parts.logits;
  return graph.withRootScope('in_situ', () => {
    const layers = tappedLayers(parts);
    const monitored = parts.monitoredLayers.map((name) => layers.get(name)!);
    return {
      ofItems: scoresOfItems(parts, layers),
      ofRows: monitoredOutputs(monitored, parts.monitorRows),
      ofAllRows: graph.withScope('all_rows', () => monitoredOutputs(monitored, null)),
    };
  });
}

function scoresOfItems(
  { logits, probabilities, labels, selectionLayer }: InSituParts,
  layers: ReadonlyMap<string, TappedLayer>,
): Record<string, Tensor> {
  if (selectionLayer === null) return {};
  const layer = layers.get(selectionLayer)!;
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

/** f and b of each layer. @throws UsageError  for a layer that the loss does not depend on */
function tappedLayers({
  labels,
  tapped,
  gradients,
  selectionLayer,
}: InSituParts): ReadonlyMap<string, TappedLayer> {
  const batchSize = cast(reshape(slice(shapeOf(labels), [0], [1]), []), 'float32', {
    name: 'batch_size',
  });
  const layers = new Map<string, TappedLayer>();
  for (const [name, activation] of tapped) {
    const gradient = gradients.get(name);
    if (!gradient) {
      const flag = name === selectionLayer ? '--hs' : '--hm';
      throw new UsageError(
        `${flag}: the loss does not depend on "${name}"; expected a layer on the way from the image to the logits.`,
      );
    }
    layers.set(name, { name, activation, gradient, batchSize });
  }
  return layers;
}
