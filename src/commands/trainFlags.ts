/** The flags of `losslens train`: TF-Slim's train_image_classifier and the in situ ones. */

import { labelNoiseTypes } from '../../datasets/labels/labelNoiseType.ts';
import { jobNames } from '../engines/distributed/hosts.ts';
import { engineChoices } from '../engines/engineChoice.ts';
import type { GpuChoice } from '../engines/gpuChoice.ts';
import { precisionChoices } from '../engines/precision.ts';
import { UsageError } from '../errors.ts';
import { defaultScore, scores } from '../insitu/scores.ts';
import { onNanChoices } from '../model/onNan.ts';
import { defaultEpsilons, optimizerDefaults, optimizerNames } from '../model/optimizerOptions.ts';
import { augmentationChoices } from '../preprocessing/itemInput.ts';
import { colorScales } from '../recording/colorScale.ts';
import { colormapNames } from '../views/draw/colormap.ts';
import { optionalCheckpoint } from './checkpointFlag.ts';
import {
  boolean,
  choice,
  type Flag,
  type FlagValues,
  integer,
  list,
  optionalBoolean,
  optionalChoice,
  optionalInteger,
  optionalPath,
  optionalReal,
  optionalText,
  path,
  real,
  text,
  unsupported,
} from './flags.ts';
import { modelFlags } from './modelFlags.ts';
import { sourceFlags } from './sourceFlags.ts';

/** Flags that choose the data, shared by the commands that read data. */
export const dataFlags = {
  dataset_name: text(
    'digits',
    'data set: digits, shapes and phrases are built in; others read dataset_dir',
  ),
  ...sourceFlags,
  labels_file: optionalPath(
    'CSV file with the columns item and label, whose labels replace those of the data set',
  ),
  labels_offset: integer(0, 'subtracted from all labels: so many first classes are left out', {
    min: 0,
  }),
  preprocessing_name: optionalText('preprocessing; by default the one of the network'),
  use_grayscale: boolean(false, 'turn colour images to grey'),
  max_sequence_length: optionalInteger(
    'length that texts are cut or padded to, in tokens; by default that of the network',
    { min: 1 },
  ),
  num_preprocessing_threads: integer(4, 'threads that prepare batches ahead of the step', {
    min: 1,
    max: 64,
  }),
  num_readers: integer(4, 'images that each of these threads reads and decodes at a time', {
    min: 1,
    max: 64,
  }),
};

const gpuFlag: Flag<GpuChoice> = {
  parse: (value, name) => {
    if (value === 'auto' || /^\d+$/.test(value)) return value as GpuChoice;
    throw new UsageError(`--${name}: got "${value}"; expected auto or the number of a GPU.`);
  },
  defaultValue: 'auto',
  placeholder: 'N',
  help: 'GPU that computes, by its number in `losslens engine doctor`; auto takes the first that works',
};

/** Flags that choose the engine; whoever only looks at a network gets it in full precision. */
export const engineFlags = {
  engine: choice(engineChoices, 'auto', 'what runs the graph; auto takes the fastest that works'),
  gpu: gpuFlag,
  deterministic: boolean(
    false,
    'the same results from run to run on a GPU, too, where that is slower',
  ),
  precision: choice(
    precisionChoices,
    'float32',
    'element type of convolutions, matrix products and what they give; auto: bfloat16 where it is known to pay',
  ),
};

/** All flags of `losslens train` by group. */
export const trainFlags = {
  Data: {
    ...dataFlags,
    dataset_split_name: text('train', 'split that is trained on'),
    train_image_size: optionalInteger('side of the preprocessed images in pixels', { min: 1 }),
    vocabulary_size: integer(20_000, 'words at most that a network of texts knows', { min: 2 }),
    augmentation: choice(
      augmentationChoices,
      'full',
      'how the preprocessing changes images by chance; none: as for an evaluation',
    ),
    batch_size: integer(32, 'items per step, of each clone', { min: 1 }),
    label_noise: real(0, 'share of training labels that are changed on purpose, 0..1', {
      min: 0,
      max: 1,
    }),
    label_noise_type: choice(
      labelNoiseTypes,
      'symmetric',
      'how these are changed: to any other class, to the one the class is taken for, as another network takes items for other classes, or half of the items of some clusters to what the cluster looks like',
    ),
  },
  Model: {
    ...modelFlags,
    weight_decay: real(0.00004, 'coefficient of the L2 penalty', { min: 0 }),
    label_smoothing: real(0, 'share of each target spread over all classes', { min: 0, max: 1 }),
    trainable_scopes: list(
      'variables to train: head, all, or beginnings of their names; by default all',
    ),
    freeze_batch_norm: optionalBoolean(
      'have batch normalisation use its moving statistics and leave them; by default where the head alone is trained',
    ),
    moving_average_decay: optionalReal(
      'decay per step of the moving averages of the variables; by default none are kept',
      { min: 0, max: 1 },
    ),
    checkpoint_path: optionalCheckpoint(
      'checkpoint whose weights the run begins with, or a folder whose latest one is taken',
    ),
    checkpoint_exclude_scopes: list(
      'beginnings of the names of variables that are not taken from it',
    ),
    ignore_missing_vars: boolean(false, 'begin variables that it lacks anew'),
    quantize_delay: unsupported(integer(-1, ''), 'quantised training is not built'),
  },
  Optimisation: {
    max_number_of_steps: optionalInteger('stop after so many steps in all', { min: 1 }),
    max_number_of_epochs: optionalInteger('stop after so many epochs in all', { min: 1 }),
    optimizer: choice(optimizerNames, optimizerDefaults.optimizer, 'update rule'),
    learning_rate: real(0.01, 'initial learning rate', { min: 0 }),
    learning_rate_decay_type: choice(
      ['fixed', 'exponential', 'polynomial', 'cosine'] as const,
      'exponential',
      'schedule of the learning rate',
    ),
    learning_rate_decay_factor: real(0.94, 'factor of the exponential schedule', { min: 0 }),
    num_epochs_per_decay: real(2, 'epochs per decay period', { min: 0 }),
    end_learning_rate: real(0.0001, 'end of the polynomial and the cosine schedule', { min: 0 }),
    learning_rate_scopes: list(
      'factors of the learning rate, such as head=10,resnet_v1_50/block1=0.1; of several that fit, the last',
    ),
    warmup_epochs: real(0, 'epochs of linear warm-up from 0', { min: 0 }),
    momentum: real(optimizerDefaults.momentum, 'momentum of --optimizer=momentum', { min: 0 }),
    opt_epsilon: optionalReal(
      `epsilon of the optimizer (default ${Object.entries(defaultEpsilons)
        .map(([name, epsilon]) => `${epsilon} of ${name}`)
        .join(', ')})`,
      { min: 0 },
    ),
    adadelta_rho: real(optimizerDefaults.adadelta_rho, 'decay of adadelta', { min: 0, max: 1 }),
    adagrad_initial_accumulator_value: real(
      optimizerDefaults.adagrad_initial_accumulator_value,
      'start of the accumulator of adagrad',
      { min: 0 },
    ),
    adam_beta1: real(optimizerDefaults.adam_beta1, 'decay of the first moment of adam', {
      min: 0,
      max: 1,
    }),
    adam_beta2: real(optimizerDefaults.adam_beta2, 'decay of the second moment of adam', {
      min: 0,
      max: 1,
    }),
    ftrl_learning_rate_power: real(
      optimizerDefaults.ftrl_learning_rate_power,
      'power of the learning rate of ftrl',
      { max: 0 },
    ),
    ftrl_initial_accumulator_value: real(
      optimizerDefaults.ftrl_initial_accumulator_value,
      'start of the accumulator of ftrl',
      { min: 0 },
    ),
    ftrl_l1: real(optimizerDefaults.ftrl_l1, 'L1 strength of ftrl', { min: 0 }),
    ftrl_l2: real(optimizerDefaults.ftrl_l2, 'L2 strength of ftrl', { min: 0 }),
    rmsprop_momentum: real(optimizerDefaults.rmsprop_momentum, 'momentum of rmsprop', { min: 0 }),
    rmsprop_decay: real(optimizerDefaults.rmsprop_decay, 'decay of rmsprop', { min: 0, max: 1 }),
    on_nan: choice(
      onNanChoices,
      'stop',
      'a step whose loss or derivatives are not finite: end the run with a checkpoint of what was before it, or leave the step out and go on',
    ),
    seed: integer(0, 'fixes initial weights, order of items, augmentation and dropout', { min: 0 }),
  },
  'In situ': {
    hs: optionalText(
      'Hs, the layer whose loss contribution selects items; by default the logits, empty for none',
    ),
    rank_by: choice(
      [...scores.keys()],
      defaultScore,
      'score that ranks the items; _mean is over the epochs so far',
    ),
    ns: integer(64, 'Ns, items that are selected over an epoch', { min: 1, max: 1024 }),
    class_quota: optionalInteger('items of one label that are selected at most', { min: 1 }),
    hm: list(
      "Hm, layers whose contribution maps are shown for the selected items: names, patterns such as 'block4*conv2', or all",
    ),
    max_monitored_items: optionalInteger(
      'items that are monitored at most (default 4·Ns): each adds a picture to the log every epoch',
      { min: 0 },
    ),
  },
  Views: {
    monitor_overlay: boolean(false, 'lay the contribution maps over the input, in grey'),
    color_scale: choice(
      colorScales,
      'view',
      'what shares the scale of the maps: one view, all views of an item so far, or of the run',
    ),
    colormap: choice(colormapNames, 'ember', 'colours of the maps, from 0 nats dark to light'),
    view_scale: integer(1, 'size of Monitoring and Evolution Views: 1 is 350 pixels wide', {
      min: 1,
      max: 4,
    }),
    projector_items: integer(
      500,
      'items beside the selected ones that go to the Projector tab at the end; 0 for no projector',
      { min: 0, max: 5000 },
    ),
  },
  Logging: {
    train_dir: path('runs/train', 'folder for checkpoints, event files and selections'),
    eval_interval_epochs: integer(0, 'epochs between evaluations in the run; 0 for none', {
      min: 0,
    }),
    eval_split_name: text('test', 'split for the evaluations in the run'),
    log_every_n_steps: integer(10, 'steps between lines of the console and summaries of the loss', {
      min: 1,
    }),
    save_summaries_secs: integer(
      600,
      'seconds between summaries of layers and weights, besides the first step and each epoch’s last; 0 for none',
      { min: 0 },
    ),
    save_interval_secs: integer(600, 'seconds between checkpoints; 0 for none but the last', {
      min: 0,
    }),
    save_interval_steps: optionalInteger('steps between checkpoints, besides the seconds', {
      min: 1,
    }),
    max_checkpoints: integer(5, 'checkpoints that are kept', { min: 1 }),
  },
  Engine: {
    ...engineFlags,
    // Where it takes bfloat16, a step needs two thirds of the time (docs/benchmarks.md).
    precision: { ...engineFlags.precision, defaultValue: 'auto' as const },
    master: unsupported(text('', ''), 'a cluster is named by --worker_hosts and --ps_hosts'),
    num_clones: integer(
      1,
      'copies of the network that share the work: each has its own batch and, unless --clone_on_cpu is given, its own GPU',
      { min: 1 },
    ),
    clone_on_cpu: boolean(false, 'compute on the CPU where there is a GPU too'),
  },
  Cluster: {
    job_name: optionalChoice(jobNames, 'what this process does in a training by several'),
    task: integer(0, 'number of this process among those of its job; worker 0 is the chief', {
      min: 0,
    }),
    worker_hosts: list('HOST:PORT of each worker, the same list for all processes'),
    ps_hosts: list(
      'HOST:PORT of each parameter server, which keep the variables; without any each worker keeps them',
    ),
    worker_replicas: integer(1, 'number of workers, as --worker_hosts says it too', { min: 1 }),
    num_ps_tasks: integer(0, 'number of parameter servers, as --ps_hosts says it too', { min: 0 }),
    sync_replicas: boolean(false, 'update the variables with the gradients of all workers at once'),
    replicas_to_aggregate: optionalInteger(
      'gradients of an update with --sync_replicas; as many as there are workers',
      { min: 1 },
    ),
    cluster_timeout_secs: integer(
      300,
      'seconds that the processes wait for each other at the start',
      {
        min: 1,
      },
    ),
  },
};

/** The values of all flags of `losslens train`. */
export type TrainFlags = FlagValues<typeof trainFlags>;
