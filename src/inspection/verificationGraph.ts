/** The graph that checks itself: every layer's sums, and the loss as a function of single layers. */
import type { HostTensor, Signature, Signatures } from '../engines/engine.ts';
import { gradients } from '../graph/gradients.ts';
import { Graph, type Tensor, type Variable } from '../graph/graph.ts';
import { identity, placeholder } from '../graph/ops/array.ts';
import { abs, mul, sum } from '../graph/ops/math.ts';
import { substitute } from '../graph/substitute.ts';
import {
  type ConservationLaw,
  conservationLaw,
  layerOfEqualItemSums,
} from '../insitu/conservation.ts';
import { type ItemSums, itemSumsOf } from '../insitu/itemSums.ts';
import { batchSizeOf, itemContribution } from '../insitu/lossContribution.ts';
import { addBatchInput } from '../model/batchInput.ts';
import { addLoss } from '../model/loss.ts';
import { networkContext } from '../model/networkContext.ts';
import { variableSignatures } from '../model/predictionGraph.ts';
import { pickEndPoints } from '../nets/endPoints.ts';
import type { NetworkDefinition } from '../nets/network.ts';
import type { GraphInput } from '../preprocessing/itemInput.ts';

/** What the graph depends on. */
export interface VerificationGraphOptions {
  readonly network: NetworkDefinition;
  readonly numClasses: number;
  readonly input: GraphInput;
  /** Layers whose gradients are compared with differences; undefined for some of all. */
  readonly layers: readonly string[] | undefined;
}

/** A layer with what theory says of its sums. */
export interface VerifiedLayer {
  readonly name: string;
  readonly itemSums: ItemSums;
  /** Of the batch; null where theory demands nothing. */
  readonly law: ConservationLaw | null;
  /** A later layer where each item has the same sum; null where there is none. */
  readonly equalTo: string | null;
}

/** The network as it is trained, dropout and batch statistics included, with its entry points:
 *
 * - `assign`, `read`  as every graph has them
 * - `verify`        feeds the items, labels int32 [n] and dropout_seed int32 [2]. Outputs
 *                   item_loss [n], logits [n, classes]; for each layer LAYER/contribution [n] and
 *                   LAYER/size [n], the sum of |f·b|; for each bias that a law names BIAS/term [], the
 *                   sum of bias·dL/dbias over the batch; for each layer whose gradient is compared
 *                   LAYER/activation and LAYER/channels [n, c], its f·b summed over height and width
 * - `behind LAYER`  feeds the same without labels, and activation; outputs logits [n, classes] as a
 *                   function of that layer
 */
export interface VerificationGraph {
  readonly graph: Graph;
  readonly signatures: Signatures;
  readonly variables: readonly Variable[];
  /** The layers that the loss depends on, in network order. */
  readonly layers: readonly VerifiedLayer[];
  /** Name of the layer that holds the logits. */
  readonly logits: string;
  /** Layers whose gradients are compared, in network order. */
  readonly compared: readonly string[];
}

/** One batch to check: what the signature `verify` feeds. */
export type Feeds = Readonly<Record<string, HostTensor>> & { readonly labels: HostTensor };

/** Layers whose gradients are compared without a choice, at most. */
const maxCompared = 6;

/** Some of many, evenly spaced, the last included. */
function some<T>(all: readonly T[], count: number): T[] {
  const step = Math.max(1, all.length / count);
  return Array.from(
    { length: Math.min(count, all.length) },
    (_, i) => all[all.length - 1 - Math.floor(i * step)]!,
  );
}

/**
 * Builds the network with its loss, the sums of all layers, and the loss behind some of them.
 *
 * @throws UsageError  for a layer that does not exist, or that the loss does not depend on
 */
export function buildVerificationGraph(options: VerificationGraphOptions): VerificationGraph {
  const graph = new Graph();
  const batch = addBatchInput(graph, options.input, false);
  const labels = placeholder(graph, 'int32', [-1], 'labels');
  const dropoutSeed = placeholder(graph, 'int32', [2], 'dropout_seed');
  const context = networkContext(options.input, {
    numClasses: options.numClasses,
    isTraining: true,
    dropoutSeed,
  });
  const { logits, endPoints } = options.network.build(batch.items, context);
  const itemSums = itemSumsOf(endPoints, logits);
  const tapped = [...endPoints].filter(([name]) => itemSums.get(name) !== 'none');
  const layers = tapped.map(
    ([name, tensor], i): VerifiedLayer => ({
      name,
      itemSums: itemSums.get(name)!,
      law: conservationLaw(tensor, logits),
      equalTo: layerOfEqualItemSums(tensor, tapped.slice(i + 1), logits),
    }),
  );
  const compared = pickEndPoints(
    '--layers',
    options.layers ??
      some(
        layers.map(({ name }) => name),
        maxCompared,
      ),
    { logits, endPoints: new Map(tapped), modelName: options.network.modelName },
  );
  const { itemLoss, labelCrossEntropy } = addLoss(logits, labels, 0);
  const biases = [...new Set(layers.flatMap(({ law }) => [...(law?.biases.keys() ?? [])]))];
  const derivatives = gradients(labelCrossEntropy, [
    ...tapped.map(([, tensor]) => tensor),
    ...biases.map(({ value }) => value),
  ]);

  const outputs: Record<string, Tensor> = { item_loss: itemLoss, logits };
  const items = { ...batch.inputs, dropout_seed: dropoutSeed };
  const behind: Record<string, Signature> = {};
  graph.withRootScope('verify', () => {
    const batchSize = batchSizeOf(labels);
    tapped.forEach(([name, activation], i) => {
      const gradient = derivatives[i]!;
      outputs[`${name}/contribution`] = itemContribution({ name, activation, gradient, batchSize });
      const elements = mul(mul(activation, gradient), batchSize);
      const axes = elements.shape.slice(1).map((_, axis) => axis + 1);
      outputs[`${name}/size`] = sum(abs(elements), axes);
      if (!compared.has(name)) return;
      outputs[`${name}/activation`] = activation;
      outputs[`${name}/channels`] = sum(elements, axes.slice(0, -1));
    });
    biases.forEach(({ name, value }, i) => {
      const terms = mul(value, derivatives[tapped.length + i]!);
      outputs[`${name}/term`] = mul(sum(terms), batchSize);
    });
  });
  for (const [name, tensor] of compared) {
    const activation = placeholder(graph, 'float32', tensor.shape, `behind/${name}`);
    const result = graph.withNodePrefix(`behind/${name}`, () =>
      identity(substitute(logits, tensor, activation)),
    );
    behind[`behind ${name}`] = {
      inputs: { ...items, activation },
      outputs: { logits: result },
    };
  }
  const variables = [...graph.variables.values()];
  return {
    graph,
    variables,
    layers,
    logits: tapped.find(([, tensor]) => tensor === logits)![0],
    compared: [...compared.keys()],
    signatures: {
      ...variableSignatures(graph, variables),
      verify: { inputs: { ...items, labels }, outputs },
      ...behind,
    },
  };
}
