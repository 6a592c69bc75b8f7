/** Which flags of `losslens train` have an effect only together with others. */
import { isWithoutServers } from '../engines/distributed/hosts.ts';
import { defaultEpsilons } from '../model/optimizerOptions.ts';
import type { FlagEffect } from './flagEffects.ts';
import { ofNetworks } from './modelFlags.ts';
import { sourceFlagEffects } from './sourceFlags.ts';
import type { TrainFlags } from './trainFlags.ts';

type TrainFlag = keyof TrainFlags;

/** Flags of TF-Slim's that belong to some optimizers. */
function ofOptimizers(optimizers: readonly string[], flags: TrainFlag[]): FlagEffect<TrainFlags> {
  return {
    flags,
    missing: ({ optimizer }) =>
      optimizers.includes(optimizer) ? undefined : `with --optimizer=${optimizer}`,
    // Scripts that try one optimizer after the other keep the settings of all.
    isTaken: true,
  };
}

/** Flags of TF-Slim's that belong to some schedules of the learning rate. */
function ofSchedules(
  schedules: readonly TrainFlags['learning_rate_decay_type'][],
  flags: TrainFlag[],
): FlagEffect<TrainFlags> {
  return {
    flags,
    missing: ({ learning_rate_decay_type: type }) =>
      schedules.includes(type) ? undefined : `with --learning_rate_decay_type=${type}`,
    // As the optimizers' above.
    isTaken: true,
  };
}

/** Of the flags that choose the data, in all commands that have them. */
export const dataFlagEffects: readonly FlagEffect<TrainFlags>[] = [
  ...sourceFlagEffects,
  ofNetworks('images', ['train_image_size', 'use_grayscale']),
  ofNetworks('texts', ['max_sequence_length', 'vocabulary_size']),
  {
    flags: ['validation_split', 'validation_seed'],
    missing: ({ dataset_split_name: split, eval_interval_epochs, eval_split_name }) => {
      const splits = [split, ...(eval_interval_epochs > 0 ? [eval_split_name] : [])];
      return splits.some((name) => ['train', 'validation'].includes(name))
        ? undefined
        : `on the split ${split}: it divides train into train and validation`;
    },
  },
  {
    flags: ['label_noise_type'],
    // Who sweeps the noise from 0 on has said so.
    missing: ({ label_noise }, isGiven) =>
      label_noise > 0 || isGiven('label_noise') ? undefined : 'without --label_noise',
  },
];

/** Of the flags that choose the data of commands that draw nothing else at random. */
export const undrawnDataFlagEffects: readonly FlagEffect<TrainFlags>[] = [
  ...dataFlagEffects,
  {
    flags: ['seed'],
    missing: ({ label_noise }) =>
      label_noise > 0 ? undefined : 'without --label_noise, which it draws',
  },
];

/** Of the flags that choose the engine, in all commands that have them. */
export const engineFlagEffects: readonly FlagEffect<
  Pick<TrainFlags, 'engine' | 'gpu'> & Partial<Pick<TrainFlags, 'num_clones' | 'clone_on_cpu'>>
>[] = [
  {
    flags: ['gpu'],
    missing: ({ engine, gpu, num_clones = 1, clone_on_cpu }) => {
      if (gpu === 'auto') return undefined;
      if (engine === 'wasm') return 'with --engine=wasm, which computes on the CPU';
      if (clone_on_cpu) return 'with --clone_on_cpu';
      return num_clones > 1
        ? `with --num_clones=${num_clones}, which takes the first GPUs`
        : undefined;
    },
  },
];

function withoutCluster(jobName: TrainFlags['job_name']): string | undefined {
  return jobName !== undefined || process.env['TF_CONFIG'] !== undefined
    ? undefined
    : 'without --job_name: this process trains alone';
}

/**
 * Of the flags of `losslens train`. The others have an effect with any others, or, as num_readers and
 * on_bad_item, promise nothing that one could miss.
 */
export const trainFlagEffects: readonly FlagEffect<TrainFlags>[] = [
  ...dataFlagEffects,
  ...engineFlagEffects,
  ofNetworks('images', ['augmentation', 'monitor_overlay', 'colormap']),
  {
    // TF-Slim ignores them, too, but whoever gives them believes that the run is fine-tuned.
    flags: ['checkpoint_exclude_scopes', 'ignore_missing_vars'],
    missing: ({ checkpoint_path }) =>
      checkpoint_path === undefined ? 'without --checkpoint_path' : undefined,
  },
  ofSchedules(['exponential'], ['learning_rate_decay_factor']),
  ofSchedules(['exponential', 'polynomial'], ['num_epochs_per_decay']),
  ofSchedules(['polynomial', 'cosine'], ['end_learning_rate']),
  ofOptimizers(Object.keys(defaultEpsilons), ['opt_epsilon']),
  ofOptimizers(['adadelta'], ['adadelta_rho']),
  ofOptimizers(['adagrad'], ['adagrad_initial_accumulator_value']),
  ofOptimizers(['adam'], ['adam_beta1', 'adam_beta2']),
  ofOptimizers(
    ['ftrl'],
    ['ftrl_learning_rate_power', 'ftrl_initial_accumulator_value', 'ftrl_l1', 'ftrl_l2'],
  ),
  ofOptimizers(['momentum'], ['momentum']),
  ofOptimizers(['rmsprop'], ['rmsprop_momentum', 'rmsprop_decay']),
  {
    flags: ['hm', 'ns', 'rank_by', 'class_quota', 'projector_items'],
    missing: ({ hs }) => (hs === '' ? 'with --hs=; expected --hs to select items' : undefined),
  },
  {
    flags: ['max_monitored_items', 'monitor_overlay', 'color_scale', 'colormap', 'view_scale'],
    missing: ({ hm }) =>
      hm.length === 0 ? 'without --hm, the layers whose maps are shown' : undefined,
  },
  {
    flags: ['task', 'worker_hosts', 'ps_hosts'],
    missing: ({ job_name }) => (job_name === undefined ? 'without --job_name' : undefined),
  },
  {
    flags: ['replicas_to_aggregate'],
    // TF-Slim's default, which it ignores, too.
    missing: async (flags) => {
      if (flags.sync_replicas || flags.replicas_to_aggregate === 1) return undefined;
      const { clusterPlace } = await import('../cluster/clusterPlace.ts');
      const place = clusterPlace(flags, process.env);
      return place && isWithoutServers(place.hosts) ? undefined : 'without --sync_replicas';
    },
  },
  {
    flags: ['num_ps_tasks', 'sync_replicas', 'cluster_timeout_secs'],
    missing: ({ job_name }) => withoutCluster(job_name),
  },
  {
    flags: ['worker_replicas'],
    // One, as TF-Slim's default has it, this process is.
    missing: ({ job_name, worker_replicas }) =>
      worker_replicas === 1 ? undefined : withoutCluster(job_name),
  },
  {
    flags: ['eval_split_name'],
    missing: ({ eval_interval_epochs }) =>
      eval_interval_epochs === 0 ? 'without --eval_interval_epochs' : undefined,
  },
];
