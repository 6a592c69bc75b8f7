/** The seven optimizers of TF-Slim's train_image_classifier, with TensorFlow's update formulas. */
import { UsageError } from '../errors.ts';
import type { Graph, Initializer, Node, Tensor, Variable } from '../graph/graph.ts';
import { constant } from '../graph/ops/array.ts';
import { mul } from '../graph/ops/math.ts';
import {
  applyAdadelta,
  applyAdagrad,
  applyAdam,
  applyFtrl,
  applyGradientDescent,
  applyMomentum,
  applyRmsProp,
  assign,
  getVariable,
} from '../graph/ops/variables.ts';
import { constantValue, zeros } from '../nets/initializers.ts';
import {
  epsilonOf,
  type OptimizerName,
  type OptimizerOptions,
  optimizerNames,
} from './optimizerOptions.ts';

/** A variable with the derivative of the loss with respect to it. */
export interface VariableGradient {
  readonly variable: Variable;
  readonly gradient: Tensor;
  /** What the learning rate is multiplied by for it; 1 by default. */
  readonly factor?: number | undefined;
}

interface RatedGradient extends VariableGradient {
  /** Its learning rate, float32 [] */
  readonly rate: Tensor;
}

/** Adds the update of all variables; its nodes are to run with each training step. */
type Optimizer = (
  gradients: readonly RatedGradient[],
  graph: Graph,
  options: OptimizerOptions,
) => Node[];

/** A variable of the optimizer's own beside `variable`, named as TensorFlow names it. */
function slot(variable: Variable, name: string, initializer: Initializer = zeros): Variable {
  const { graph } = variable.handle;
  return graph.withRootScope(variable.name, () =>
    getVariable(graph, name, variable.shape, { initializer, trainable: false }),
  );
}

function numbers(graph: Graph, ...values: number[]): Tensor[] {
  return values.map((value) => constant(graph, 'float32', value));
}

const sgd: Optimizer = (gradients) =>
  gradients.map(({ variable, gradient, rate }) => applyGradientDescent(variable, rate, gradient));

const momentum: Optimizer = (gradients, graph, options) => {
  const [momentum] = numbers(graph, options.momentum);
  return gradients.map(({ variable, gradient, rate }) =>
    applyMomentum(variable, slot(variable, 'Momentum'), rate, gradient, momentum!),
  );
};

const rmsprop: Optimizer = (gradients, graph, options) => {
  const { rmsprop_decay, rmsprop_momentum } = options;
  const [decay, momentum, epsilon] = numbers(
    graph,
    rmsprop_decay,
    rmsprop_momentum,
    epsilonOf(options)!,
  );
  return gradients.map(({ variable, gradient, rate }) => {
    // TensorFlow starts the mean square at one.
    const meanSquare = slot(variable, 'RMSProp', constantValue(1));
    const momentumSlot = slot(variable, 'RMSProp_1');
    return applyRmsProp(
      variable,
      meanSquare,
      momentumSlot,
      rate,
      decay!,
      momentum!,
      epsilon!,
      gradient,
    );
  });
};

const adam: Optimizer = (gradients, graph, options) => {
  const { adam_beta1, adam_beta2 } = options;
  const [beta1, beta2, epsilon] = numbers(graph, adam_beta1, adam_beta2, epsilonOf(options)!);
  const power = (name: string, start: number) =>
    graph.withRootScope('', () =>
      getVariable(graph, name, [], { initializer: constantValue(start), trainable: false }),
    );
  const beta1Power = power('beta1_power', adam_beta1);
  const beta2Power = power('beta2_power', adam_beta2);
  const updates = gradients.map(({ variable, gradient, rate }) =>
    applyAdam(
      variable,
      slot(variable, 'Adam'),
      slot(variable, 'Adam_1'),
      beta1Power.value,
      beta2Power.value,
      rate,
      beta1!,
      beta2!,
      epsilon!,
      gradient,
    ),
  );
  const after = { after: updates };
  return [
    ...updates,
    assign(beta1Power, mul(beta1Power.value, beta1!), after),
    assign(beta2Power, mul(beta2Power.value, beta2!), after),
  ];
};

const adagrad: Optimizer = (gradients, _graph, options) =>
  gradients.map(({ variable, gradient, rate }) => {
    const start = constantValue(options.adagrad_initial_accumulator_value);
    return applyAdagrad(variable, slot(variable, 'Adagrad', start), rate, gradient);
  });

const adadelta: Optimizer = (gradients, graph, options) => {
  const [rho, epsilon] = numbers(graph, options.adadelta_rho, epsilonOf(options)!);
  return gradients.map(({ variable, gradient, rate }) =>
    applyAdadelta(
      variable,
      slot(variable, 'Adadelta'),
      slot(variable, 'Adadelta_1'),
      rate,
      rho!,
      epsilon!,
      gradient,
    ),
  );
};

const ftrl: Optimizer = (gradients, graph, options) => {
  const { ftrl_l1, ftrl_l2, ftrl_learning_rate_power } = options;
  const [l1, l2, power] = numbers(graph, ftrl_l1, ftrl_l2, ftrl_learning_rate_power);
  return gradients.map(({ variable, gradient, rate }) => {
    const start = constantValue(options.ftrl_initial_accumulator_value);
    return applyFtrl(
      variable,
      slot(variable, 'Ftrl', start),
      slot(variable, 'Ftrl_1'),
      gradient,
      rate,
      l1!,
      l2!,
      power!,
    );
  });
};

const optimizers: Readonly<Record<OptimizerName, Optimizer>> = {
  adadelta,
  adagrad,
  adam,
  ftrl,
  momentum,
  rmsprop,
  sgd,
};

/**
 * Adds one update of all variables to the graph, with the slots it needs.
 *
 * @param rate  learning rate, float32 []
 * @returns     the nodes to run with each training step
 * @throws UsageError  when there is no such optimizer
 */
export function addOptimizer(
  gradients: readonly VariableGradient[],
  rate: Tensor,
  options: OptimizerOptions,
): Node[] {
  const name = optimizerNames.find((candidate) => candidate === options.optimizer);
  if (name === undefined) {
    const known = optimizerNames.join(', ');
    throw new UsageError(`--optimizer: got "${options.optimizer}"; expected one of ${known}.`);
  }
  const { graph } = rate;
  return graph.withRootScope('optimizer', () => {
    const rates = new Map([[1, rate]]);
    const rateOf = (factor: number) => {
      const known = rates.get(factor) ?? mul(rate, factor);
      rates.set(factor, known);
      return known;
    };
    const rated = gradients.map((each) => ({ ...each, rate: rateOf(each.factor ?? 1) }));
    return optimizers[name](rated, graph, options);
  });
}
