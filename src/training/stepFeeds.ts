/** What a step is fed beside the items. */
import type { HostTensor } from '../engines/engine.ts';
import { movingAverageDecayAt } from '../model/movingAverages.ts';
import type { Batch, JointPlace } from '../preprocessing/batchPipeline.ts';
import type { RunOptions } from './runOptions.ts';

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
  { seed }: Pick<RunOptions, 'seed'>,
): Record<string, HostTensor> {
  const { labels, joint } = batch;
  return {
    labels: { data: labels, shape: [labels.length] },
    dropout_seed: { data: Int32Array.of(seed, step), shape: [2] },
    ...(joint && jointFeeds(batch, joint)),
    ...(rows && { monitor_rows: { data: rows, shape: [rows.length] } }),
  };
}

/** The same of a step with its update. @param rate  of learning */
export function trainFeeds(
  batch: Batch,
  rate: number,
  step: number,
  rows: Int32Array | undefined,
  { seed, moving_average_decay: decay }: Pick<RunOptions, 'seed' | 'moving_average_decay'>,
): Record<string, HostTensor> {
  return {
    ...replicaFeeds(batch, step, rows, { seed }),
    learning_rate: scalar(rate),
    ...(decay !== undefined && {
      moving_average_decay: scalar(movingAverageDecayAt(step, decay)),
    }),
  };
}
