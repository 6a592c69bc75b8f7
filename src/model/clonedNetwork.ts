/** The network of a training with its loss, once for each clone. */
import type { Graph, Tensor, Variable } from '../graph/graph.ts';
import { placeholder } from '../graph/ops/array.ts';
import type { NetworkContext, NetworkDefinition, NetworkOutputs } from '../nets/network.ts';
import { networkItems } from '../preprocessing/networkItems.ts';
import { batchPlaceholders } from './batchInput.ts';
import {
  type BatchFeeds,
  type Clone,
  type CloneOptions,
  divideBatch,
  graphOfClones,
  oneClone,
} from './clones.ts';
import { type JointBatch, jointBatch } from './jointBatch.ts';
import { addLoss, addTotalLoss, type NetworkLoss, type TotalLoss } from './loss.ts';
import { type TrainedNetworkOptions, trainingContext } from './networkContext.ts';

/** What it depends on. */
export interface ClonedNetworkOptions extends TrainedNetworkOptions {
  readonly network: NetworkDefinition;
  readonly labelSmoothing: number;
  /** Copies of the network that share the batch; one by default. */
  readonly clones?: CloneOptions;
  /** Workers of a cluster that update the variables together; undefined for a training by one process. */
  readonly workers?: number | undefined;
}

/** A clone with its network. */
export interface NetworkClone extends Clone, NetworkOutputs {
  /** Its items as the network takes them, [n, …] */
  readonly input: Tensor;
  readonly context: NetworkContext;
  readonly loss: NetworkLoss;
}

/** All of them. */
export interface ClonedNetwork {
  readonly graph: Graph;
  /** Placeholders that take a batch. */
  readonly feeds: BatchFeeds;
  /** One at least. */
  readonly clones: readonly NetworkClone[];
  /** Of the whole batch. */
  readonly loss: TotalLoss;
  /** Of which the batch is a part, with workers. */
  readonly joint: JointBatch | null;
  /** Of the network, in the order in which it makes them. */
  readonly variables: readonly Variable[];
}

/** Builds them in a graph of their own. */
export function buildClonedNetwork(options: ClonedNetworkOptions): ClonedNetwork {
  const { clones: cloneOptions = oneClone } = options;
  const graph = graphOfClones(cloneOptions);
  const feeds = {
    items: batchPlaceholders(graph, options.input, true),
    labels: placeholder(graph, 'int32', [-1], 'labels'),
    dropoutSeed: placeholder(graph, 'int32', [2], 'dropout_seed'),
    monitorRows: placeholder(graph, 'int32', [-1], 'monitor_rows'),
  };
  const joint = options.workers === undefined ? null : jointBatch(graph);
  const clones = divideBatch(feeds, cloneOptions).map((clone) => buildClone(clone, options, joint));
  const variables = [...graph.variables.values()];
  const losses = clones.map(({ loss, share }) => ({ ...loss, share }));
  return { graph, feeds, clones, variables, loss: addTotalLoss(graph, losses), joint };
}

function buildClone(
  clone: Clone,
  options: ClonedNetworkOptions,
  joint: JointBatch | null,
): NetworkClone {
  return clone.within(() => {
    const input = networkItems(clone.items, options.input, true);
    const context = {
      ...trainingContext(options, clone.dropoutSeed),
      ...(joint && { jointBatch: joint }),
    };
    const built = options.network.build(input, context);
    const loss = addLoss(built.logits, clone.labels, options.labelSmoothing, built.auxiliary);
    return { ...clone, ...built, input, context, loss };
  });
}
