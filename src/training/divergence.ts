/** Numbers that went wrong: which they are, and what a user is told. */
import { fileOf } from '../../datasets/itemPlaces.ts';
import { lastGoodCheckpoint } from '../checkpoint/checkpoints.ts';
import type { HostTensor } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import type { RunPlan } from './planRun.ts';

/** The training can only get worse: its loss is no number any more, or one of its variables is none. */
export class DivergenceError extends UserError {}

/** A variable that holds NaN or an infinity. */
export interface NonFiniteVariable {
  readonly name: string;
  /** The first such value in it. */
  readonly value: number;
}

/**
 * The first variable that is not finite.
 *
 * @param variables  in the order in which they are looked at
 * @param values     of all of them, by name
 * @returns          undefined when all are finite
 */
export function firstNonFinite(
  variables: Iterable<{ readonly name: string }>,
  values: Readonly<Record<string, HostTensor>>,
): NonFiniteVariable | undefined {
  for (const { name } of variables) {
    const { data } = values[name]!;
    let sum = 0;
    // 0 for what is finite, else NaN, which stays: no branch for each of millions of numbers.
    for (let i = 0; i < data.length; i++) sum += data[i]! * 0;
    if (sum !== 0) return { name, value: data.find((value) => !Number.isFinite(value))! };
  }
  return undefined;
}

/** Where a training went wrong. */
export interface Divergence {
  /** Steps done with the one in which it was noticed. */
  readonly step: number;
  /** What was found in place of what, such as "the loss is NaN; expected a number". */
  readonly found: string;
  readonly learningRate: number;
  /** The first variable that is not finite, and the steps after which it was seen so; undefined where that is not known. */
  readonly variable?: { readonly name: string; readonly afterStep: number } | undefined;
  /** Of the step's batch; undefined where it is not known. */
  readonly itemIndices?: Iterable<number>;
}

const maxListedItems = 5;

/** Items by their files, where each has its own, else by their indices. */
function listItems(itemIndices: Iterable<number>, { data }: Pick<RunPlan, 'data'>): string {
  const indices = [...itemIndices];
  const more = indices.length - maxListedItems;
  const names = indices
    .slice(0, maxListedItems)
    .map((item) => fileOf(data.dataset.places, item) ?? `${item}`);
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/**
 * What a user is told of a training that went wrong, in one line: where, what to change, and what is left.
 * To be asked for when no checkpoint is being written.
 */
export async function divergenceError(
  plan: Pick<RunPlan, 'options' | 'precision' | 'data'>,
  { step, found, learningRate, variable, itemIndices }: Divergence,
): Promise<DivergenceError> {
  const inBfloat16 = plan.precision.computeType === 'bfloat16';
  const remedies = inBfloat16
    ? 'lower --learning_rate, begin with --warmup_epochs, or compute with --precision=float32 in place of bfloat16'
    : 'lower --learning_rate, or begin with --warmup_epochs';
  const sentences = [
    `step ${step}: ${found}`,
    `The training diverged at a learning rate of ${Number(learningRate.toPrecision(4))}: ${remedies}`,
    variable &&
      `After step ${variable.afterStep}, ${variable.name} is the first variable that is not finite`,
    itemIndices && `Items of the batch: ${listItems(itemIndices, plan)}`,
    await lastGoodCheckpoint(plan.options.train_dir),
  ];
  return new DivergenceError(`${sentences.filter((sentence) => sentence).join('. ')}.`);
}
