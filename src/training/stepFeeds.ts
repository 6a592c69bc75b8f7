/** What a step is fed beside the items. */
import type { HostTensor } from '../engines/engine.ts';
import { movingAverageDecayAt } from '../model/movingAverages.ts';
import type { Batch, JointPlace } from '../preprocessing/batchPipeline.ts';
import type { RunOptions } from './runOptions.ts';

/** The flags that decide on it. */
type StepOptions = Pick<RunOptions, 'seed' | 'moving_average_decay' | 'sync_replicas'>;

function scalar(value: number): HostTensor {
  return { data: Float32Array.of(value), shape: [] };
}

/** The number of a step, as float32 has it exactly: it tells a step from the few before and behind it. */
export function stepNumber(step: number): number {
  return step % 2 ** 24;
}

/** What the dropout of a step is drawn from: dropout_seed of the entry points. @param step  steps done before */
export function dropoutSeed(
  { joint }: Pick<Batch, 'joint'>,
  step: number,
  { seed, sync_replicas }: StepOptions,
): HostTensor {
  // Workers that do not share a joint batch draw each its own.
  const drawn = joint && !sync_replicas ? step * joint.share.workers + joint.share.worker : step;
  return { data: Int32Array.of(seed, drawn), shape: [2] };
}

/** What every step is fed. @param step  steps done before */
function batchFeeds(
  batch: Batch,
  step: number,
  rows: Int32Array | undefined,
  options: StepOptions,
): Record<string, HostTensor> {
  const { labels } = batch;
  const feeds: Record<string, HostTensor> = {
    labels: { data: labels, shape: [labels.length] },
    dropout_seed: dropoutSeed(batch, step, options),
  };
  if (rows) feeds['monitor_rows'] = { data: rows, shape: [rows.length] };
  return feeds;
}

/** What a step is fed of so many items that are a part of a joint batch. */
function jointFeeds(count: number, { first, size }: JointPlace): Record<string, HostTensor> {
  const jointRows = Int32Array.from({ length: count }, (_, i) => first + i);
  return {
    joint_rows: { data: jointRows, shape: [count] },
    joint_size: { data: Int32Array.of(size), shape: [1] },
    gradient_weight: scalar(count / size),
  };
}

/**
 * What a step is fed that gives its gradients to an update by the chief.
 *
 * @param step   steps done before
 * @param round  of the update
 * @param rows   to monitor; undefined for an entry point that takes none
 */
export function replicaFeeds(
  batch: Batch,
  joint: JointPlace,
  step: number,
  round: number,
  rows: Int32Array | undefined,
  options: StepOptions,
): Record<string, HostTensor> {
  return {
    ...batchFeeds(batch, step, rows, options),
    ...jointFeeds(batch.labels.length, joint),
    round: { data: Int32Array.of(round), shape: [] },
  };
}

/** What an update is fed. @param rate  of learning */
function updateFeeds(
  rate: number,
  step: number,
  { moving_average_decay: decay }: StepOptions,
): Record<string, HostTensor> {
  return {
    learning_rate: scalar(rate),
    ...(decay !== undefined && {
      moving_average_decay: scalar(movingAverageDecayAt(step, decay)),
    }),
  };
}

/** What an update by the chief is fed. @param loss  of all workers; not finite where one is not */
export function jointUpdateFeeds(
  loss: number,
  rate: number,
  step: number,
  options: StepOptions,
): Record<string, HostTensor> {
  return { ...updateFeeds(rate, step, options), joint_loss: scalar(loss) };
}

/**
 * What a step is fed that updates the variables itself, alone or at once with those of all workers; an object of
 * its own, to which further feeds may be added.
 */
export function trainFeeds(
  batch: Batch,
  rate: number,
  step: number,
  rows: Int32Array | undefined,
  options: StepOptions,
): Record<string, HostTensor> {
  const { joint, labels } = batch;
  // In every step: to spread them takes several times as long.
  const feeds = Object.assign(
    batchFeeds(batch, step, rows, options),
    updateFeeds(rate, step, options),
  );
  if (joint && options.sync_replicas) {
    Object.assign(feeds, jointFeeds(labels.length, joint), { step: scalar(stepNumber(step + 1)) });
  }
  return feeds;
}
