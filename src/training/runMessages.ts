/** What a run says of itself while it goes on, a line each. */
import type { Dataset } from '../../datasets/dataset.ts';
import type { Evaluation } from '../evaluation/evaluator.ts';
import { tensorboardCommand } from '../events/tensorboardCommand.ts';
import { featureBytes, maxFeatureMemory } from '../model/featureStore.ts';
import { isHeadAlone } from '../model/scopes.ts';
import { isAugmented } from '../preprocessing/factory.ts';
import type { Selection } from '../recording/selectionLog.ts';
import { logdirOf } from './logdir.ts';
import type { RunPlan } from './planRun.ts';
import type { RunOptions } from './runOptions.ts';
import type { SkippedSteps } from './skippedSteps.ts';

/** One line about what a run trains on. */
export function dataLine({ name, split, items, classNames, kind }: Dataset): string {
  const classes = `${classNames.length} ${classNames.length === 1 ? 'class' : 'classes'}`;
  const what = kind === 'texts' ? 'texts' : 'images';
  return `data: ${name} ${split}, ${items.length} ${what} of ${classes}`;
}

/** One line about a run that is at its end already: how to go on with it. */
export function concludedLine({
  options,
  start,
  stepsPerEpoch,
}: Pick<RunPlan, 'options' | 'start' | 'stepsPerEpoch'>): string {
  const { train_dir, max_number_of_steps, max_number_of_epochs } = options;
  const lastSteps = {
    max_number_of_steps,
    max_number_of_epochs: max_number_of_epochs && max_number_of_epochs * stepsPerEpoch,
  };
  const reached = Object.entries(lastSteps).filter(([, steps]) => steps && steps <= start.step);
  const flags = reached.map(([name]) => `--${name}`).join(' and ');
  return `${train_dir} holds a run of ${start.step} steps already: raise ${flags} to go on with it, or name another --train_dir.`;
}

/** One line about the part of the network that stays as it is; undefined where there is nothing to say. */
export function featuresLine({
  options,
  training,
  keptFeatures,
  pipeline,
}: Pick<RunPlan, 'options' | 'training' | 'keptFeatures' | 'pipeline'>): string | undefined {
  const { features } = training;
  if (options.num_clones > 1 && isHeadAlone(options.trainable_scopes)) {
    return 'features: the frozen layers run in each step, since clones share it; with --num_clones=1 and --augmentation=none they run once for each item';
  }
  if (features === null) return undefined;
  if (keptFeatures !== null) {
    const bytes = featureBytes(keptFeatures);
    const where = bytes > maxFeatureMemory ? 'in a file' : 'in memory';
    const size = `${(bytes / 2 ** 20).toFixed(1)} MiB`;
    return `features: the frozen layers run once for each item; what they give, ${features.node.name} [${keptFeatures.shape}], is kept ${where} (${size})`;
  }
  if (!isHeadAlone(options.trainable_scopes) || !isAugmented(pipeline.input)) return undefined;
  return 'features: the frozen layers run in each step, since images are augmented; with --augmentation=none they run once for each item';
}

/** One line about the steps that were left out; undefined where none was. @param step  steps in all */
export function skippedLine(
  { total, inARow }: Pick<SkippedSteps, 'total' | 'inARow'>,
  step: number,
): string | undefined {
  if (total === 0) return undefined;
  const last = inARow > 1 ? `, the last ${inARow} among them` : '';
  const remedy =
    total > step / 2
      ? `: only ${step - total} trained the network. Lower --learning_rate, or begin with --warmup_epochs`
      : '';
  return `skipped ${total} of ${step} steps, which were not finite${last}${remedy}`;
}

/** One line about what an epoch brought. */
export function epochLine(
  epoch: number,
  selection: Selection | null,
  evaluation: Evaluation | undefined,
): string {
  const parts: string[] = [];
  if (evaluation !== undefined) {
    const { accuracy, items, notFinite } = evaluation;
    parts.push(`accuracy ${accuracy.toFixed(4)} on ${items} items`);
    if (notFinite > 0) parts.push(`for ${notFinite} of which the network gives NaN`);
  }
  const selected = selection?.records.length ?? 0;
  if (selection?.detection !== undefined) {
    const { found, averagePrecision } = selection.detection;
    parts.push(`${found} of ${selected} selected items carry a planted wrong label`);
    parts.push(`average precision ${averagePrecision.toFixed(3)} over all items`);
  } else if (selection !== null) {
    parts.push(`selected ${selected} items`);
  }
  return `epoch ${epoch}: ${parts.join(', ') || 'done'}`;
}

/**
 * How to follow a run: TensorBoard has to be told at its start how long the series are going to be.
 *
 * @param lastStep  steps of the whole run; Infinity when it has no end
 */
export function followLine(
  { train_dir, log_every_n_steps }: RunOptions,
  lastStep: number,
  perEpoch: number,
): string {
  const hasEnd = Number.isFinite(lastStep);
  const epochs = hasEnd ? Math.ceil(lastStep / perEpoch) : 1000;
  const scalars = hasEnd ? Math.floor(lastStep / log_every_n_steps) : 0;
  const command = tensorboardCommand(logdirOf(train_dir), {
    images: epochs,
    text: epochs,
    scalars,
  });
  return `to follow it: ${command}`;
}
