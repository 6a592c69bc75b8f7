/** What a step is fed beside the items. */
import type { HostTensor } from '../engines/engine.ts';
import { movingAverageDecayAt } from '../model/movingAverages.ts';
import type { Batch, JointPlace } from '../preprocessing/batchPipeline.ts';
import type { RunOptions } from './runOptions.ts';

/** The flags that decide on it. */
type StepOptions = Pick<
  RunOptions,
  'seed' | 'moving_average_decay' | 'sync_replicas' | 'task' | 'worker_hosts'
>;

function scalar(value: number): HostTensor {
  return { data: Float32Array.of(value), shape: [] };
}

/** What says which part of a joint batch a worker has; nothing where a batch is all there is. */
function jointFeeds(
  { labels }: Batch,
  { first, size, workers }: JointPlace,
): Record<string, HostTensor> {
  const count = labels.length;
  const rows = Int32Array.from({ length: count }, (_, i) => first + i);
  return {
    joint_rows: { data: rows, shape: [count] },
    joint_size: { data: Int32Array.of(size), shape: [1] },
    gradient_weight: scalar((workers * count) / size),
  };
}

/**
 * What a step is fed that leaves the update to another process.
 *
 * @param step  steps done before
 * @param rows  to monitor; undefined for an entry point that takes none
 */
export function replicaFeeds(
  batch: Batch,
  step: number,
  rows: Int32Array | undefined,
  { seed, sync_replicas, task, worker_hosts }: StepOptions,
): Record<string, HostTensor> {
  const { labels, joint } = batch;
  // Workers that do not share a joint batch draw each its own.
  const drawn = sync_replicas ? step : step * Math.max(1, worker_hosts.length) + task;
  return {
    labels: { data: labels, shape: [labels.length] },
    dropout_seed: { data: Int32Array.of(seed, drawn), shape: [2] },
    ...(joint && sync_replicas && jointFeeds(batch, joint)),
    ...(rows && { monitor_rows: { data: rows, shape: [rows.length] } }),
  };
}

/** The same of a step with its update. @param rate  of learning */
export function trainFeeds(
  batch: Batch,
  rate: number,
  step: number,
  rows: Int32Array | undefined,
  options: StepOptions,
): Record<string, HostTensor> {
  const { moving_average_decay: decay } = options;
  return {
    ...replicaFeeds(batch, step, rows, options),
    learning_rate: scalar(rate),
    ...(decay !== undefined && {
      moving_average_decay: scalar(movingAverageDecayAt(step, decay)),
    }),
  };
}
