/** Keeps a step whose numbers are not finite from changing any variable. */
import type { Graph, Node, Tensor, Variable } from '../graph/graph.ts';
import { cast, identity } from '../graph/ops/array.ts';
import { merge, switchOn } from '../graph/ops/control.ts';
import { addN, isFiniteNumber, sum } from '../graph/ops/math.ts';
import { assign, getVariable } from '../graph/ops/variables.ts';
import { sizeOf } from '../graph/shape.ts';
import { zeros } from '../nets/initializers.ts';
import type { OnNan } from './onNan.ts';
import type { VariableGradient } from './optimizers.ts';

/** What all workers do at once before each updates its own copy. */
export interface Together {
  /** All that comes of it. */
  readonly received: readonly Tensor[];
  /** float32 []: number of the step. */
  readonly step: Tensor;
}

/** What the updates of a step have to go through. */
export interface UpdateGuard {
  /** 1 where the step is finite, else 0, float32 [] */
  readonly isFinite: Tensor;
  /**
   * With `stop`, where a step that was not finite is remembered, to keep those behind it from changing anything: a
   * loop that looks one step ahead has begun one by then. Not for checkpoints; null with `skip`.
   */
  readonly memory: Variable | null;
  /**
   * Number of the last step whose updates have begun: before that it is set, and after all that other workers take part
   * in, so that a step in which one is lost is done whole or not at all, and that can be told. Not for checkpoints; null
   * of a worker alone.
   */
  readonly begun: Variable | null;
  /** What an update takes: it does not run unless the step is finite. */
  pass(value: Tensor): Tensor;
  /** The same value, known once the updates are done, or left out. */
  after(value: Tensor, updates: readonly Node[], name: string): Tensor;
}

/**
 * Variables of so many elements at most are looked at themselves, and with `stop` only their derivatives. Those of
 * biases are sums of what flows back, and not finite either where others are not, but for products that overflow; the L2
 * penalty looks at weights. To look at all takes LeNet some percent of a step.
 */
const maxWatched = 4096;

/**
 * Adds the guard of a step: it is finite when the loss is, and the sums of the variables and derivatives that are
 * looked at.
 *
 * @param loss       float32 []
 * @param gradients  that the updates are made of, float32
 * @param onNan      with `skip`, all derivatives are looked at
 * @param together   what updates wait for; null of a worker alone
 */
export function addUpdateGuard(
  graph: Graph,
  loss: Tensor,
  gradients: readonly VariableGradient[],
  onNan: OnNan,
  together: Together | null = null,
): UpdateGuard {
  const small = gradients.filter(({ variable }) => sizeOf(variable.shape) <= maxWatched);
  const watched = [
    ...small.map(({ variable }) => variable.value),
    ...(onNan === 'skip' ? gradients : small).map(({ gradient }) => gradient),
  ];
  return graph.withRootScope('guard', () => {
    const memory =
      onNan === 'skip'
        ? null
        : getVariable(graph, 'not_finite', [], { initializer: zeros, trainable: false });
    const numbers = [loss, ...watched.map((tensor) => sum(tensor))];
    const total = addN(memory === null ? numbers : [...numbers, memory.value]);
    const found = isFiniteNumber(total);
    const begun =
      together && getVariable(graph, 'begun', [], { initializer: zeros, trainable: false });
    const begin =
      begun && assign(begun, together!.step, { after: together!.received.map(({ node }) => node) });
    const condition = begin === null ? found : identity(found, { after: [begin] });
    const remembered = memory && [assign(memory, switchOn(total, condition).ifFalse)];
    return {
      isFinite: cast(condition, 'float32', { name: 'is_finite' }),
      memory,
      begun,
      pass: (value) => graph.withRootScope('guard', () => switchOn(value, condition).ifTrue),
      after: (value, updates, name) => {
        const { ifTrue, ifFalse } = graph.withRootScope('guard', () => switchOn(value, condition));
        const updated = identity(ifTrue, { after: updates });
        const left = identity(ifFalse, { after: remembered ?? [] });
        return merge(updated, left, { name });
      },
    };
  });
}
