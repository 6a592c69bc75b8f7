/** Which flags a run may go on with in place of those that it began with. */
import { excerpt } from '../errors.ts';
import { networkTitle } from '../nets/ownNetwork.ts';
import { changesOf, type FlagChange, type RunRecord } from '../runFiles/runRecord.ts';
import type { RunOptions } from './runOptions.ts';

/** What another value of a flag means to a run that goes on. */
type Meaning =
  /** Other variables, or another order of the items: it is refused. */
  | 'other run'
  /** Perhaps other items or labels, which are compared themselves: it is refused where they are others. */
  | 'data'
  /** It holds from the next step on; it is said, and recorded in run.json. */
  | 'continued'
  /** Nothing: only the first start heeds it, or it says where the run lies. */
  | 'nothing';

/** Of all flags. */
export const meaningOnResuming: Readonly<Record<keyof RunOptions, Meaning>> = {
  model_name: 'other run',
  optimizer: 'other run',
  trainable_scopes: 'other run',
  moving_average_decay: 'other run',
  seed: 'other run',

  dataset_name: 'data',
  dataset_dir: 'data',
  dataset_split_name: 'data',
  labels_file: 'data',
  labels_offset: 'data',
  label_noise: 'data',
  label_noise_type: 'data',
  validation_split: 'data',
  validation_seed: 'data',
  on_bad_item: 'data',
  max_image_megapixels: 'data',

  train_dir: 'nothing',
  checkpoint_path: 'nothing',
  checkpoint_exclude_scopes: 'nothing',
  ignore_missing_vars: 'nothing',

  // The items of a step are compared themselves, and refused where they are more or fewer.
  batch_size: 'continued',
  num_clones: 'continued',
  // How it is trained.
  max_number_of_steps: 'continued',
  max_number_of_epochs: 'continued',
  learning_rate: 'continued',
  learning_rate_decay_type: 'continued',
  learning_rate_decay_factor: 'continued',
  num_epochs_per_decay: 'continued',
  end_learning_rate: 'continued',
  learning_rate_scopes: 'continued',
  warmup_epochs: 'continued',
  momentum: 'continued',
  opt_epsilon: 'continued',
  adadelta_rho: 'continued',
  adagrad_initial_accumulator_value: 'continued',
  adam_beta1: 'continued',
  adam_beta2: 'continued',
  ftrl_learning_rate_power: 'continued',
  ftrl_initial_accumulator_value: 'continued',
  ftrl_l1: 'continued',
  ftrl_l2: 'continued',
  rmsprop_momentum: 'continued',
  rmsprop_decay: 'continued',
  weight_decay: 'continued',
  label_smoothing: 'continued',
  freeze_batch_norm: 'continued',
  on_nan: 'continued',
  augmentation: 'continued',
  // Where these change the variables, the checkpoint does not fit them.
  preprocessing_name: 'continued',
  train_image_size: 'continued',
  use_grayscale: 'continued',
  max_sequence_length: 'continued',
  vocabulary_size: 'continued',
  // What is seen of it.
  hs: 'continued',
  rank_by: 'continued',
  ns: 'continued',
  class_quota: 'continued',
  hm: 'continued',
  max_monitored_items: 'continued',
  monitor_overlay: 'continued',
  color_scale: 'continued',
  colormap: 'continued',
  view_scale: 'continued',
  projector_items: 'continued',
  eval_interval_epochs: 'continued',
  eval_split_name: 'continued',
  log_every_n_steps: 'continued',
  save_summaries_secs: 'continued',
  save_interval_secs: 'continued',
  save_interval_steps: 'continued',
  max_checkpoints: 'continued',
  // What computes.
  engine: 'continued',
  gpu: 'continued',
  deterministic: 'continued',
  clone_on_cpu: 'continued',
  precision: 'continued',
  num_readers: 'continued',
  num_preprocessing_threads: 'continued',
  max_data_memory_mb: 'continued',
};

type Flags = RunRecord['flags'];

function isNone(value: unknown): boolean {
  return value === null || value === '' || (Array.isArray(value) && value.length === 0);
}

/** Whether a flag means the same as before: the module of a network may lie elsewhere by now. */
function isSame(name: string, { before, now }: FlagChange): boolean {
  if (isNone(before) || isNone(now)) return isNone(before) && isNone(now);
  return name === 'model_name' && networkTitle(String(before)) === networkTitle(String(now));
}

/**
 * The flags of some meaning that have another value than before.
 *
 * @param before  as run.json records them
 * @param now     those that are given, with what stands for those that were left out
 * @returns       by their names
 */
export function resumedChanges(
  before: Flags,
  now: Flags,
  meaning: Meaning,
): Readonly<Record<string, FlagChange>> {
  const names = Object.entries(meaningOnResuming).filter(
    ([name, each]) => each === meaning && name in now,
  );
  const ofMeaning = (flags: Flags) =>
    Object.fromEntries(names.map(([name]) => [name, flags[name]] as const));
  const changes = Object.entries(changesOf(ofMeaning(before), ofMeaning(now)));
  return Object.fromEntries(changes.filter(([name, change]) => !isSame(name, change)));
}

function valueText(value: unknown): string {
  return excerpt(Array.isArray(value) ? value.join(',') : String(value));
}

/** Changes for people, such as "--learning_rate=0.001 (was 0.01)"; of a value that is left out "no --hm". */
export function changeTexts(changes: Readonly<Record<string, FlagChange>>): string[] {
  return Object.entries(changes).map(([name, { before, now }]) => {
    const given = isNone(now) ? `no --${name}` : `--${name}=${valueText(now)}`;
    return `${given} (was ${isNone(before) ? 'none' : valueText(before)})`;
  });
}
