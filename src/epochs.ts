/** How steps make epochs. */

/** The flags that say how many items a step takes. */
export interface StepSize {
  /** Of each clone. */
  readonly batch_size: number;
  readonly num_clones: number;
}

/** Items of a step, those of all clones together. */
export function itemsPerStep({ batch_size, num_clones }: StepSize): number {
  return batch_size * num_clones;
}

/** Steps in an epoch: every item once, the last batch possibly smaller. */
export function stepsPerEpoch(items: number, perStep: number): number {
  return Math.ceil(items / perStep);
}

/** The epoch, from 1, that the last of so many steps belongs to; 0 before the first. */
export function epochAfter(step: number, perEpoch: number): number {
  return Math.ceil(step / perEpoch);
}
