/** How steps make epochs. */

/** Steps in an epoch: every item once, the last batch possibly smaller. */
export function stepsPerEpoch(items: number, batchSize: number): number {
  return Math.ceil(items / batchSize);
}

/** The epoch, from 1, that the last of so many steps belongs to; 0 before the first. */
export function epochAfter(step: number, perEpoch: number): number {
  return Math.ceil(step / perEpoch);
}

/** Items of a step: of all workers together, where there are several. */
export function jointBatchSize(options: {
  readonly batch_size: number;
  readonly worker_hosts?: readonly string[] | undefined;
}): number {
  return options.batch_size * Math.max(1, options.worker_hosts?.length ?? 0);
}
