/** Exponential moving averages of a network's variables (tf.train.ExponentialMovingAverage). */
import type { HostTensor } from '../engines/engine.ts';
import type { Node, Tensor, Variable } from '../graph/graph.ts';
import { add, mul, sub } from '../graph/ops/math.ts';
import { assign, getVariable, readVariable } from '../graph/ops/variables.ts';
import { zeros } from '../nets/initializers.ts';

const suffix = '/ExponentialMovingAverage';

/** The name of the average of a variable, as TensorFlow has it: "NAME/ExponentialMovingAverage". */
export function averageName(variableName: string): string {
  return variableName + suffix;
}

/**
 * The share of an average that a step keeps: min(decay, (1 + step)/(10 + step)), so that averages
 * forget the first weights soon.
 *
 * @param step  number of steps done before this one
 */
export function movingAverageDecayAt(step: number, decay: number): number {
  return Math.min(decay, (1 + step) / (10 + step));
}

/**
 * Adds an average of each variable to the graph: average ← decay·average + (1 − decay)·value.
 *
 * @param decay    float32 []
 * @param updates  what changes the variables in a step; the averages take the values after it
 * @returns        the nodes to run with each training step
 */
export function addMovingAverages(
  variables: readonly Variable[],
  decay: Tensor,
  updates: readonly Node[],
): Node[] {
  const { graph } = decay;
  return variables.map((variable) => {
    const average = graph.withRootScope(variable.name, () =>
      getVariable(graph, 'ExponentialMovingAverage', variable.shape, {
        initializer: zeros,
        trainable: false,
      }),
    );
    return graph.withRootScope(`moving_averages/${variable.name}`, () => {
      const value = readVariable(variable, { after: updates });
      const moved = add(value, mul(sub(average.value, value), decay));
      return assign(average, moved, { name: 'AssignMovingAvg' });
    });
  });
}

/** The values with each average that they hold begun anew at the value of its variable. */
export function beginAverages(
  values: Readonly<Record<string, HostTensor>>,
): Record<string, HostTensor> {
  return withReplaced(values, (name) => name.endsWith(suffix) && name.slice(0, -suffix.length));
}

/** The values with the average in place of each variable that has one. */
export function averagedValues(
  values: Readonly<Record<string, HostTensor>>,
): Record<string, HostTensor> {
  return withReplaced(values, averageName);
}

function withReplaced(
  values: Readonly<Record<string, HostTensor>>,
  sourceOf: (name: string) => string | false,
): Record<string, HostTensor> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const source = sourceOf(name);
      return [name, (source && values[source]) || value];
    }),
  );
}
