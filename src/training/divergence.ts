/** What a user is told of numbers that went wrong. */
import { fileOf } from '../../datasets/itemPlaces.ts';
import type { NonFiniteVariable } from '../checkpoint/nonFinite.ts';
import { UserError } from '../errors.ts';
import type { OnNan } from '../model/onNan.ts';
import type { Diagnosis } from './diagnosis.ts';
import { type GoodCheckpoint, goodCheckpoint } from './goodCheckpoint.ts';
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
  /** The checkpoint that the run goes on from, where no step has changed what it holds. */
  readonly unchangedSince?: string | undefined;
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

/** What may mend it, beside what is said of the checkpoints. */
function remediesOf(
  { lossInFloat32, unchangedSince }: Divergence,
  onNan: OnNan,
  { isLatest }: GoodCheckpoint,
): string[] {
  if (lossInFloat32 !== undefined) return ['compute with --precision=float32'];
  if (unchangedSince === undefined) return ['lower --learning_rate', 'begin with --warmup_epochs'];
  if (!isLatest) return [];
  const skipping = onNan === 'skip' ? [] : ['leave such steps out with --on_nan=skip'];
  return [...skipping, 'go on from an earlier checkpoint'];
}

/**
 * What a user is told of a training that went wrong, in one line: where, what to change, and what is left.
 * To be asked for when no checkpoint is being written.
 */
export async function divergenceError(
  plan: Pick<RunPlan, 'options' | 'data' | 'training'>,
  divergence: Divergence,
): Promise<DivergenceError> {
  const {
    step,
    found,
    skippedBefore = 0,
    learningRate,
    unchangedSince,
    variable,
    diagnosis,
    lossInFloat32,
    itemIndices,
  } = divergence;
  const { train_dir, on_nan } = plan.options;
  const weights = plan.training.modelVariables.filter(({ trainable }) => trainable);
  const good = await goodCheckpoint(train_dir, weights);
  const cause =
    unchangedSince === undefined
      ? `The training diverged at a learning rate of ${Number(learningRate.toPrecision(4))}`
      : `Nothing was trained since ${unchangedSince}, so that another --learning_rate does not mend it`;
  const remedies = remediesOf(divergence, on_nan, good);
  const sentences = [
    `step ${step}: ${found}`,
    skippedBefore > 0 && `The ${skippedBefore} steps before it were not finite either`,
    remedies.length === 0 ? cause : `${cause}: ${remedies.join(', or ')}`,
    lossInFloat32 !== undefined &&
      `It overflows in bfloat16 alone: in float32 the loss is ${lossInFloat32.toFixed(4)}`,
    diagnosis && placeOfIt(diagnosis),
    variable &&
      `${variable.afterStep === undefined ? '' : `After step ${variable.afterStep}, `}${variable.name} is the first variable that is not finite`,
    itemIndices && `Items of the batch: ${listItems(itemIndices, plan)}`,
    good.sentence,
  ];
  return new DivergenceError(`${sentences.filter((sentence) => sentence).join('. ')}.`);
}
