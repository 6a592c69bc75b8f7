/**
 * Synchronous updates of several workers, as tf.train.SyncReplicasOptimizer has them: each adds its gradients to
 * accumulators; the chief takes their mean, updates the variables, and gives each other worker a token to go on with.
 */
import type { Signature } from '../engines/engine.ts';
import type { Graph, Node, Tensor } from '../graph/graph.ts';
import { accumulator, addToAccumulator, takeMean } from '../graph/ops/accumulators.ts';
import { cast, constant, identity, placeholder } from '../graph/ops/array.ts';
import { isFiniteNumber, mul } from '../graph/ops/math.ts';
import { dequeue, enqueueRows, fifoQueue } from '../graph/ops/queues.ts';
import type { VariableGradient } from './optimizers.ts';

/** What a token says: whether the step that it ends counts, or the training was over before. */
export const tokens = { goOn: 1, over: 0 } as const;

/** What a step of a worker is fed beside its own items. */
export interface JointBatch {
  /** int32 [n]: which rows of the joint batch of all workers its items are. */
  readonly rows: Tensor;
  /** int32 [1]: rows of the joint batch. */
  readonly size: Tensor;
  /**
   * float32 []: what its gradients are multiplied by, workers · n / size, so that the mean over the workers is that
   * over the items of the joint batch.
   */
  readonly weight: Tensor;
}

/** Adds the placeholders. */
export function jointBatch(graph: Graph): JointBatch {
  return {
    rows: placeholder(graph, 'int32', [-1], 'joint_rows'),
    size: placeholder(graph, 'int32', [1], 'joint_size'),
    weight: placeholder(graph, 'float32', [], 'gradient_weight'),
  };
}

/** Those of the placeholders that a step is fed, by name. */
export function jointInputs({ rows, size, weight }: JointBatch): Record<string, Tensor> {
  return { joint_rows: rows, joint_size: size, gradient_weight: weight };
}

/** The gradients of all workers together. */
export interface Replicas {
  /** For the chief's update: the mean of all workers' gradients. */
  readonly means: readonly VariableGradient[];
  /** What a worker that is not the chief does with its gradients. */
  readonly deposits: readonly Node[];
  /** Where it waits for its token. */
  readonly queue: Tensor;
  readonly workers: number;
  /** The same value as the chief's step has it: known when the others go on, after it. */
  endOfStep(value: Tensor): Tensor;
}

/** Adds up the gradients of so many workers. */
export function addReplicas(
  gradients: readonly VariableGradient[],
  { weight }: JointBatch,
  workers: number,
): Replicas {
  const { graph } = weight;
  return graph.withRootScope('replicas', () => {
    const parts = gradients.map(({ variable, gradient, ...rest }) => {
      const { name, shape } = variable;
      const place = accumulator(graph, `replicas/${name}`, shape, { name: `${name}/sum` });
      const deposit = addToAccumulator(place, mul(gradient, weight), { name: `${name}/add` });
      const mean = takeMean(place, workers, shape, { name: `${name}/mean`, after: [deposit] });
      return { deposit, mean: { variable, gradient: mean, ...rest } };
    });
    const queue = fifoQueue(graph, 'replicas/tokens', { name: 'tokens' });
    return {
      means: parts.map(({ mean }) => mean),
      deposits: parts.map(({ deposit }) => deposit),
      queue,
      workers,
      endOfStep: (value) =>
        graph.withRootScope('replicas', () =>
          identity(value, { after: giveTokens(queue, tokens.goOn, workers, [value.node]) }),
        ),
    };
  });
}

/** Gives every other worker a token, after other nodes. @returns  the nodes that do; none for a single worker */
function giveTokens(
  queue: Tensor,
  token: number,
  workers: number,
  after: readonly Node[],
): readonly Node[] {
  if (workers === 1) return [];
  const values = constant(queue.graph, 'int32', Array<number>(workers - 1).fill(token));
  return [enqueueRows(queue, values, { after })];
}

/**
 * The entry points of a synchronous training beside those of every other:
 *
 * - `train_replica`  as `train`, without learning_rate and the like: gives its gradients and waits until they are
 *                    applied; a further output token [], one of `tokens`
 * - `dismiss`        of the chief: tells the others at their next step that the training is over; output done []
 *
 * @param train      of the chief
 * @param totalLoss  the loss, without waiting for an update
 */
export function replicaSignatures(
  { deposits, queue, workers }: Replicas,
  { inputs, outputs }: Signature,
  totalLoss: Tensor,
): Record<string, Signature> {
  const { graph } = queue;
  const { learning_rate, moving_average_decay, ...ownInputs } = inputs;
  return graph.withRootScope('replicas', () => {
    const token = dequeue(queue, [], { name: 'token', after: deposits });
    const total_loss = identity(totalLoss, { name: 'total_loss', after: [token.node] });
    const is_finite = cast(isFiniteNumber(totalLoss), 'float32', { name: 'is_finite' });
    const over = giveTokens(queue, tokens.over, workers, []);
    const done = identity(constant(graph, 'float32', 1), { name: 'done', after: over });
    return {
      train_replica: { inputs: ownInputs, outputs: { ...outputs, total_loss, is_finite, token } },
      dismiss: { inputs: {}, outputs: { done } },
    };
  });
}
