/**
 * Synchronous updates of several workers, after tf.train.SyncReplicasOptimizer: each adds its gradients to
 * accumulators, and the chief takes their sums and updates the variables, once it knows that all are there. What was
 * gathered for a step can be thrown away as well, and gathered anew: until the update nothing has changed.
 */
import type { Signature } from '../engines/engine.ts';
import type { Node, Tensor, Variable } from '../graph/graph.ts';
import { accumulator, addToAccumulator, takeSum } from '../graph/ops/accumulators.ts';
import { cast, constant, identity, placeholder } from '../graph/ops/array.ts';
import { isFiniteNumber, mul } from '../graph/ops/math.ts';
import type { MovedVariable } from '../nets/network.ts';
import { type JointBatch, jointInputs } from './jointBatch.ts';
import type { VariableGradient } from './optimizers.ts';

/** The gradients of all workers together. */
export interface Replicas {
  readonly joint: JointBatch;
  /** int32 []: how often gradients were taken, or thrown away, before; those of an earlier round are left out. */
  readonly round: Tensor;
  /** For the update: the mean over the items of the joint batch. */
  readonly gradients: readonly VariableGradient[];
  /** What variables are moved to that have no gradients: as the chief has it. */
  readonly moved: readonly MovedVariable[];
  /** float32 []: that of all workers, which the update is fed. */
  readonly loss: Tensor;
  /** What every worker does with its gradients. */
  readonly deposits: readonly Node[];
  /** What the chief does besides. */
  readonly ofChief: readonly Node[];
}

/** Has gradients gathered. @param moved  that has none, of the chief's step alone */
export function addReplicas(
  gradients: readonly VariableGradient[],
  moved: readonly MovedVariable[],
  joint: JointBatch,
): Replicas {
  const { graph } = joint.weight;
  return graph.withRootScope('replicas', () => {
    const round = placeholder(graph, 'int32', [], 'round');
    const asStep = cast(round, 'int64');
    const gather = ({ name, shape }: Variable, value: Tensor) => {
      const place = accumulator(graph, `replicas/${name}`, shape, { name: `${name}/gathered` });
      const deposit = addToAccumulator(place, asStep, value, { name: `${name}/add` });
      return { deposit, sum: takeSum(place, shape, { name: `${name}/sum` }) };
    };
    const ofGradients = gradients.map(({ variable, gradient }) =>
      gather(variable, mul(gradient, joint.weight)),
    );
    const ofMoved = moved.map(({ variable, value }) => gather(variable, value));
    return {
      joint,
      round,
      gradients: gradients.map((each, i) => ({ ...each, gradient: ofGradients[i]!.sum })),
      moved: moved.map((each, i) => ({ ...each, value: ofMoved[i]!.sum })),
      loss: placeholder(graph, 'float32', [], 'joint_loss'),
      deposits: ofGradients.map(({ deposit }) => deposit),
      ofChief: ofMoved.map(({ deposit }) => deposit),
    };
  });
}

/**
 * The entry points of a synchronous training. Those that train give their gradients and change nothing; they are fed
 * what `JointBatch` and `round` name, and no learning_rate and the like:
 *
 * - `train…`         of the chief
 * - `train_replica`  of the others, as `train`
 * - `update`         of the chief, once all have given theirs: feeds joint_loss [] and what else an update takes;
 *                    outputs is_finite [], which is 0 when loss or gradients are not, and no variable was changed
 * - `throw_away`     of the chief, in place of it, when it has given its own; output done []
 *
 * @param trains      the entry points that train alone, by name, of which `train` is one
 * @param totalLoss   of a worker's own items
 * @param updateInputs  of `trains`: what only an update takes
 * @param updated     the joint loss after the update, and whether it was finite
 */
export function replicaSignatures(
  { joint, round, gradients, moved, deposits, ofChief, loss }: Replicas,
  trains: Readonly<Record<string, Signature>>,
  totalLoss: Tensor,
  updateInputs: Readonly<Record<string, Tensor>>,
  updated: { readonly loss: Tensor; readonly isFinite: Tensor },
): Record<string, Signature> {
  const { graph } = loss;
  return graph.withRootScope('replicas', () => {
    const is_finite = cast(isFiniteNumber(totalLoss), 'float32', { name: 'is_finite' });
    const giving = ({ inputs, outputs }: Signature, name: string, after: readonly Node[]) => ({
      inputs: {
        ...Object.fromEntries(Object.entries(inputs).filter(([key]) => !(key in updateInputs))),
        ...jointInputs(joint),
        round,
      },
      outputs: { ...outputs, is_finite, total_loss: identity(totalLoss, { name, after }) },
    });
    const taken = [
      ...gradients.map(({ gradient }) => gradient),
      ...moved.map(({ value }) => value),
    ];
    const after = taken.map(({ node }) => node);
    return {
      ...Object.fromEntries(
        Object.entries(trains).map(([name, signature]) => [
          name,
          giving(signature, `${name}/total_loss`, [...deposits, ...ofChief]),
        ]),
      ),
      train_replica: giving(trains['train']!, 'train_replica/total_loss', deposits),
      update: {
        inputs: { ...updateInputs, joint_loss: loss },
        outputs: { total_loss: updated.loss, is_finite: updated.isFinite },
      },
      throw_away: {
        inputs: {},
        outputs: { done: identity(constant(graph, 'float32', 1), { name: 'done', after }) },
      },
    };
  });
}
