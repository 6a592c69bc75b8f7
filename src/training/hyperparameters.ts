/** The flags that make one run differ from another, for TensorBoard's HParams tab. */
import type { HParam } from '../events/hparams.ts';
import type { RunOptions } from './runOptions.ts';

const names = [
  'dataset_name',
  'model_name',
  'batch_size',
  'num_clones',
  'optimizer',
  'learning_rate',
  'learning_rate_decay_type',
  'learning_rate_decay_factor',
  'num_epochs_per_decay',
  'end_learning_rate',
  'warmup_epochs',
  'learning_rate_scopes',
  'momentum',
  'opt_epsilon',
  'weight_decay',
  'label_smoothing',
  'moving_average_decay',
  'trainable_scopes',
  'freeze_batch_norm',
  'augmentation',
  'label_noise',
  'label_noise_type',
  'precision',
  'seed',
  'hs',
  'hm',
  'ns',
  'rank_by',
] as const satisfies readonly (keyof RunOptions)[];

/** The hyperparameters of a run by flag; a flag that is left out has no value. */
export function hyperparametersOf(options: RunOptions): Record<string, HParam> {
  const values: Record<string, HParam> = {};
  for (const name of names) {
    const value: unknown = options[name];
    if (Array.isArray(value)) values[name] = value.join(',');
    else if (value !== undefined) values[name] = value as HParam;
  }
  return values;
}
