/** Which optimizers there are, and their settings. */

/** Optimizers as --optimizer names them. */
export const optimizerNames = [
  'adadelta',
  'adagrad',
  'adam',
  'ftrl',
  'momentum',
  'rmsprop',
  'sgd',
] as const;
/** One of them. */
export type OptimizerName = (typeof optimizerNames)[number];

/** Settings of all optimizers; the names are those of the flags. */
export interface OptimizerOptions {
  readonly optimizer: string;
  readonly momentum: number;
  /** undefined for the optimizer's own default */
  readonly opt_epsilon: number | undefined;
  readonly adadelta_rho: number;
  readonly adagrad_initial_accumulator_value: number;
  readonly adam_beta1: number;
  readonly adam_beta2: number;
  readonly ftrl_learning_rate_power: number;
  readonly ftrl_initial_accumulator_value: number;
  readonly ftrl_l1: number;
  readonly ftrl_l2: number;
  readonly rmsprop_momentum: number;
  readonly rmsprop_decay: number;
}

/** TF-Slim's defaults, but for epsilon. */
export const optimizerDefaults: OptimizerOptions = {
  optimizer: 'rmsprop',
  momentum: 0.9,
  opt_epsilon: undefined,
  adadelta_rho: 0.95,
  adagrad_initial_accumulator_value: 0.1,
  adam_beta1: 0.9,
  adam_beta2: 0.999,
  ftrl_learning_rate_power: -0.5,
  ftrl_initial_accumulator_value: 0.1,
  ftrl_l1: 0,
  ftrl_l2: 0,
  rmsprop_momentum: 0.9,
  rmsprop_decay: 0.9,
};

/**
 * Epsilon by optimizer where none is given. TF-Slim's trainer has 1 for all of them. rmsprop keeps
 * it: the sample scripts rely on it. With 1, adam and adadelta hardly divide by anything and act
 * like scaled momentum and sgd, so these two have TensorFlow's own default (docs/tf-slim.md).
 */
export const defaultEpsilons: Readonly<Record<string, number>> = {
  adadelta: 1e-8,
  adam: 1e-8,
  rmsprop: 1,
};

/** The epsilon that an optimizer takes; undefined when it takes none. */
export function epsilonOf({ optimizer, opt_epsilon }: OptimizerOptions): number | undefined {
  const ownDefault = defaultEpsilons[optimizer];
  return ownDefault === undefined ? undefined : (opt_epsilon ?? ownDefault);
}
