/** What a training step costs at each layer, counted from its graph: forward, backward, in situ. */
import { addCosts, type Cost, CostCounter, noCost } from '../graph/cost.ts';
import type { Node } from '../graph/graph.ts';
import { nodesBefore } from '../graph/walk.ts';
import { optimizerDefaults } from '../model/optimizerOptions.ts';
import { buildTrainingGraph, type TrainingGraph } from '../model/trainingGraph.ts';
import type { NetworkDefinition } from '../nets/network.ts';
import type { GraphInput } from '../preprocessing/itemInput.ts';

/** The parts of a step that belong to layers. */
export type StepPart = 'forward' | 'backward' | 'inSitu';

/** The cost of each part of a step. */
export type PartCosts = Readonly<Record<StepPart, Cost>>;

/** What a step costs. */
export interface StepCosts {
  /** End points in network order, each with what it depends on and no end point before it does. */
  readonly layers: readonly (PartCosts & { readonly name: string })[];
  /** Behind the last layer: the loss, and in situ the scores of every item. */
  readonly loss: PartCosts;
  /** The update of all variables. */
  readonly update: Cost;
  /** Of all. */
  readonly total: Cost;
  /** Of the in situ part in the operations of all, 0..1. */
  readonly inSituShare: number;
}

/**
 * Counts one training step with sgd in which scores, contributions and maps of every item are computed at every layer:
 * more than any choice of --hs at the logits and --hm asks for.
 *
 * @throws UserError  when items of this shape do not go through the network
 */
export function countStep(
  network: NetworkDefinition,
  numClasses: number,
  input: GraphInput,
  batchSize: number,
): StepCosts {
  const training = buildTrainingGraph({
    network,
    numClasses,
    input,
    weightDecay: 0,
    labelSmoothing: 0,
    computeType: 'float32',
    optimizer: { ...optimizerDefaults, optimizer: 'sgd' },
    selectionLayer: undefined,
    monitoredLayers: ['all'],
  });
  return countNodes(training, batchSize);
}

/** Counts the step of a graph in which all rows of the batch are monitored. */
function countNodes(training: TrainingGraph, batchSize: number): StepCosts {
  const counter = new CostCounter(batchSize);
  const placeOf = placesIn(training);
  const empty = (): Record<StepPart, Cost> => ({
    forward: noCost,
    backward: noCost,
    inSitu: noCost,
  });
  const byLayer = new Map([...training.endPoints.keys()].map((name) => [name, empty()]));
  const loss = empty();
  let update = noCost;
  let total = noCost;
  for (const node of nodesBefore(Object.values(training.signatures['train_all_rows']!.outputs))) {
    const cost = counter.of(node);
    total = addCosts(total, cost);
    const place = placeOf(node);
    if (place === 'update') {
      update = addCosts(update, cost);
      continue;
    }
    const costs = byLayer.get(place.layer ?? '') ?? loss;
    costs[place.part] = addCosts(costs[place.part], cost);
  }
  const layers = Array.from(byLayer, ([name, costs]) => ({ name, ...costs }));
  const inSituFlops = [...layers, loss].reduce((flops, { inSitu }) => flops + inSitu.flops, 0);
  return { layers, loss, update, total, inSituShare: inSituFlops / total.flops };
}

/** Where a node belongs; no layer for what is behind the last one. */
type Place = 'update' | { readonly part: StepPart; readonly layer: string | undefined };

/** Tells where nodes belong: by what depends on them, and by the scopes that a training graph has. */
function placesIn({ graph, endPoints, monitoredLayers }: TrainingGraph): (node: Node) => Place {
  const layerOf = new Map<string, string>();
  for (const [layer, tensor] of endPoints) {
    for (const { name } of nodesBefore([tensor])) {
      if (!layerOf.has(name)) layerOf.set(name, layer);
    }
  }
  const forward = new Set(graph.nodes.map(({ name }) => name));
  return ({ name, op }) => {
    if (op === 'AssignVariableOp' || name.startsWith('optimizer/')) return 'update';
    const inSitu = /^in_situ\/(?:all_rows\/)?(.*)$/.exec(name)?.[1];
    if (inSitu !== undefined) {
      const ofLayers = monitoredLayers.filter((layer) => inSitu.startsWith(`${layer}/`));
      // The innermost scope: a layer's name can be the beginning of another's.
      return { part: 'inSitu', layer: ofLayers.sort((a, b) => b.length - a.length)[0] };
    }
    const derived = /^gradients\/(.*)_grad\//.exec(name)?.[1];
    if (derived !== undefined && forward.has(derived)) {
      return { part: 'backward', layer: layerOf.get(derived) };
    }
    return { part: 'forward', layer: layerOf.get(name) };
  };
}
