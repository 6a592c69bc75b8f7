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

/**
 * Adds the scores of all items and the contributions of the monitored rows to the graph.
 *
 * @returns  outputs of the entry point `train`, as `buildTrainingGraph` names them
 * @throws UsageError  for a layer that the loss does not depend on
 */
export function addInSituOutputs(parts: InSituParts): Record<string, Tensor> {
  const { logits, probabilities, labels, selectionLayer } = parts;
  const { graph } = logits;
  const outputs: Record<string, Tensor> = {};
  graph.withRootScope('in_situ', () => {
    const layers = tappedLayers(parts);
    if (selectionLayer !== null) {
      const layer = layers.get(selectionLayer)!;
      outputs['probabilities'] = probabilities;
      outputs['scores'] = graph.withScope('scores', () =>
        itemScores(logits, probabilities, labels, layer.activation === logits ? null : layer),
      );
    }
    for (const name of parts.monitoredLayers) {
      graph.withScope(name, () => {
        const monitored = monitoredContributions(layers.get(name)!, parts.monitorRows);
        outputs[`${name}/contribution`] = monitored.contribution;
        if (monitored.maps !== undefined) {
          outputs[`${name}/C`] = monitored.maps.contributionMap;
          outputs[`${name}/R`] = monitored.maps.reductionMap;
        }
        if (monitored.channels !== undefined) outputs[`${name}/channels`] = monitored.channels;
      });
    }
  });
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
