/** Learning-rate schedules, as TF-Slim's train_image_classifier configures them. */

/** What decides on the schedule; the names are those of the flags. */
export interface LearningRateOptions {
  readonly learning_rate: number;
  readonly learning_rate_decay_type: 'fixed' | 'exponential' | 'polynomial' | 'cosine';
  readonly learning_rate_decay_factor: number;
  readonly num_epochs_per_decay: number;
  readonly end_learning_rate: number;
  /** Epochs of linear warm-up from 0. */
  readonly warmup_epochs: number;
}

/** The run that a schedule is of. */
export interface ScheduledRun {
  /** Items in the training split ÷ items of a step; not rounded. */
  readonly stepsPerEpoch: number;
  /** Steps of the whole run; Infinity when it has no end. */
  readonly lastStep: number;
}

/**
 * The learning rate of one step.
 *
 *   fixed        rate
 *   exponential  rate·factor^⌊t/d⌋                       (staircase)
 *   polynomial   (rate − end)·(1 − min(t, d)/d) + end     (linear)
 *   cosine       (rate − end)·(1 + cos(π·t/l))/2 + end    (Loshchilov & Hutter 2017, without restarts)
 *
 * with d = ⌊stepsPerEpoch·num_epochs_per_decay⌋ steps and l the steps of the run; while warming up at most
 * rate·t/(stepsPerEpoch·warmup_epochs).
 *
 * @param step  t, the number of steps done before this one
 */
export function learningRateAt(
  step: number,
  options: LearningRateOptions,
  { stepsPerEpoch, lastStep }: ScheduledRun,
): number {
  const { learning_rate: rate, end_learning_rate: end } = options;
  const decaySteps = Math.max(1, Math.floor(stepsPerEpoch * options.num_epochs_per_decay));
  let scheduled = rate;
  if (options.learning_rate_decay_type === 'exponential') {
    scheduled = rate * options.learning_rate_decay_factor ** Math.floor(step / decaySteps);
  } else if (options.learning_rate_decay_type === 'polynomial') {
    scheduled = (rate - end) * (1 - Math.min(step, decaySteps) / decaySteps) + end;
  } else if (options.learning_rate_decay_type === 'cosine') {
    const share = Math.min(step, lastStep) / lastStep;
    scheduled = ((rate - end) * (1 + Math.cos(Math.PI * share))) / 2 + end;
  }
  const warmupSteps = stepsPerEpoch * options.warmup_epochs;
  return warmupSteps > 0 ? Math.min(scheduled, (rate * step) / warmupSteps) : scheduled;
}
