/**
 * Synchronous updates of workers that keep all variables each: all-reduce gives every one of them the same gradients of
 * the joint batch, and each does the same update with them, so that their variables stay the same bits. After
 * tf.distribute.MultiWorkerMirroredStrategy.
 */
import type { Signature } from '../engines/engine.ts';
import type { Graph, Tensor, Variable } from '../graph/graph.ts';
import { constant, identity, placeholder } from '../graph/ops/array.ts';
import { allReduceSum, broadcast, receiveBroadcast } from '../graph/ops/collectives.ts';
import { mul } from '../graph/ops/math.ts';
import { assign } from '../graph/ops/variables.ts';
import type { MovedVariable } from '../nets/network.ts';
import type { JointBatch } from './jointBatch.ts';
import type { VariableGradient } from './optimizers.ts';

/** What the update of every worker takes: of the joint batch, and the same in each. */
export interface Reduced {
  /** The mean over the items. */
  readonly gradients: readonly VariableGradient[];
  /** What variables are moved to that have no gradients: the mean over the workers, by their items. */
  readonly moved: readonly MovedVariable[];
  /** float32 []: that of the items. */
  readonly loss: Tensor;
  /** float32 []: number of the step. */
  readonly step: Tensor;
}

/** Operations that all workers run, each with a number that it has in all of them. */
class Numbering {
  readonly #workers: number;
  #last: number;

  constructor(workers: number, last = 0) {
    this.#workers = workers;
    this.#last = last;
  }

  next() {
    return { size: this.#workers, instance: ++this.#last };
  }
}

/** Has what each worker has of its part added up over all. */
export function addAllReduce(
  gradients: readonly VariableGradient[],
  moved: readonly MovedVariable[],
  loss: Tensor,
  { weight }: JointBatch,
  workers: number,
): Reduced {
  const numbering = new Numbering(workers);
  return loss.graph.withRootScope('all_reduce', () => {
    const mean = (value: Tensor, name: string) =>
      allReduceSum(mul(value, weight), numbering.next(), { name });
    return {
      gradients: gradients.map((each) => ({
        ...each,
        gradient: mean(each.gradient, each.variable.name),
      })),
      moved: moved.map(({ variable, value }) => ({ variable, value: mean(value, variable.name) })),
      loss: mean(loss, 'total_loss'),
      step: placeholder(loss.graph, 'float32', [], 'step'),
    };
  });
}

/** No operation of a step has a number of this size. */
const firstShared = 1_000_000;

/**
 * The entry points by which one worker gives the others the values of all variables: `give` of the chief, and at the
 * same time `receive` of all others; output `done`.
 *
 * @param zeroed  a variable [] beside them that `receive` sets to 0
 */
export function shareSignatures(
  graph: Graph,
  variables: readonly Variable[],
  zeroed: Variable | null,
  workers: number,
): { give: Signature; receive: Signature } {
  return graph.withRootScope('share', () => {
    const numbering = new Numbering(workers, firstShared);
    const shared = variables.map((variable) => {
      const collective = numbering.next();
      const { name, shape, value } = variable;
      const given = broadcast(value, collective, { name: `${name}/give` });
      const received = receiveBroadcast(graph, shape, collective, { name: `${name}/receive` });
      return { given, assigned: assign(variable, received) };
    });
    const cleared = zeroed === null ? [] : [assign(zeroed, constant(graph, 'float32', 0))];
    const one = constant(graph, 'float32', 1);
    const given = identity(one, { name: 'given', after: shared.map((each) => each.given) });
    const assigned = shared.map((each) => each.assigned);
    const received = identity(one, { name: 'received', after: [...assigned, ...cleared] });
    return {
      give: { inputs: {}, outputs: { done: given } },
      receive: { inputs: {}, outputs: { done: received } },
    };
  });
}
