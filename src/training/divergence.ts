/** What a user is told of numbers that went wrong. */
import { fileOf } from '../../datasets/itemPlaces.ts';
import { lastGoodCheckpoint } from '../checkpoint/checkpoints.ts';
import type { NonFiniteVariable } from '../checkpoint/nonFinite.ts';
import { UserError } from '../errors.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { RunPlan } from './planRun.ts';

/** The training can only get worse: its loss is no number any more, or one of its variables is none. */
export class DivergenceError extends UserError {}

/** Where a training went wrong. */
export interface Divergence {
  /** Steps done with the one in which it was noticed. */
  readonly step: number;
  /** What was found in place of what, such as "the loss is NaN; expected a number". */
  readonly found: string;
  /** Steps right before it that were not finite either, and left out; none unless given. */
  readonly skippedBefore?: number;
  readonly learningRate: number;
  /** The first variable that is not finite; undefined where that is not known, as the steps after which it was seen so. */
  readonly variable?: { readonly name: string; readonly afterStep: number | undefined } | undefined;
  /** What the step's batch is in the network; undefined where that is not known. */
  readonly diagnosis?: Diagnosis | undefined;
  /** The loss of the batch in float32, where that and its derivatives are finite; else undefined. */
  readonly lossInFloat32?: number | undefined;
  /** Of the step's batch; undefined where it is not known. */
  readonly itemIndices?: Iterable<number>;
}

const maxListedItems = 5;

/** Items by their files, where each has its own, else by their indices: five, and how many more. */
export function listItems(itemIndices: Iterable<number>, { data }: Pick<RunPlan, 'data'>): string {
  const indices = [...itemIndices];
  const more = indices.length - maxListedItems;
  const names = indices
    .slice(0, maxListedItems)
    .map((item) => fileOf(data.dataset.places, item) ?? `${item}`);
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** A variable that is not finite. */
export function foundVariable({ name, value }: NonFiniteVariable): string {
  return `the variable ${name} holds ${value}; expected finite numbers`;
}

/** What of a step is not finite: the loss, or with one that is, a variable or derivatives. */
export function foundInStep(loss: number, variable?: NonFiniteVariable): string {
  if (!Number.isFinite(loss)) return `the loss is ${loss}; expected a number`;
  if (variable !== undefined) return foundVariable(variable);
  return `derivatives of the loss, ${loss.toFixed(4)}, are not finite; expected numbers`;
}

/** Where the numbers stop being finite; undefined where the pass that looked for it found none. */
function placeOfIt({ loss, layer, derivative }: Diagnosis): string | undefined {
  if (layer !== undefined) return `${layer} is the first layer that is not finite`;
  if (!Number.isFinite(loss)) return 'All layers are finite, but the loss made of them is not';
  if (derivative === undefined) return undefined;
  return `All layers are finite, and the loss is: on the way back, the derivative of ${derivative} is the first that is not`;
}

/**
 * What a user is told of a training that went wrong, in one line: where, what to change, and what is left.
 * To be asked for when no checkpoint is being written.
 */
export async function divergenceError(
  plan: Pick<RunPlan, 'options' | 'data'>,
  divergence: Divergence,
): Promise<DivergenceError> {
  const {
    step,
    found,
    skippedBefore = 0,
    learningRate,
    variable,
    diagnosis,
    lossInFloat32,
    itemIndices,
  } = divergence;
  const remedies =
    lossInFloat32 === undefined
      ? 'lower --learning_rate, or begin with --warmup_epochs'
      : 'compute with --precision=float32';
  const sentences = [
    `step ${step}: ${found}`,
    skippedBefore > 0 && `The ${skippedBefore} steps before it were not finite either`,
    `The training diverged at a learning rate of ${Number(learningRate.toPrecision(4))}: ${remedies}`,
    lossInFloat32 !== undefined &&
      `It overflows in bfloat16 alone: in float32 the loss is ${lossInFloat32.toFixed(4)}`,
    diagnosis && placeOfIt(diagnosis),
    variable &&
      `${variable.afterStep === undefined ? '' : `After step ${variable.afterStep}, `}${variable.name} is the first variable that is not finite`,
    itemIndices && `Items of the batch: ${listItems(itemIndices, plan)}`,
    await lastGoodCheckpoint(plan.options.train_dir),
  ];
  return new DivergenceError(`${sentences.filter((sentence) => sentence).join('. ')}.`);
}
